"""The support matrix: the cases that the tests run over and `docs/support.md` is made from.

`case` has the types, `*_cases` the cases of a library, `tables` lists the libraries, `docs` writes
the document.
"""
