"""Layers of Keras that are refused, each with what would work."""

_CONVOLUTION = (
    "convolutions and pooling over images or series are not supported; networks of dense layers are"
)
_RECURRENT = "recurrent layers are not supported; give the network features made beforehand"
_ATTENTION = "attention is not supported; networks of dense layers are"
_CODE = "it runs other code, which can't be translated; build the model of Keras's own layers"
_HASH = "its hash is not supported; use StringLookup or IntegerLookup with a vocabulary"
_IMAGE = "images, text and sound are not supported; apply it to the data beforehand"

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        [
            f"{kind}{dims}D{transpose}"
            for kind in ("Conv", "SeparableConv", "DepthwiseConv")
            for dims in (1, 2, 3)
            for transpose in ("", "Transpose")
        ]
        + [
            f"{kind}{dims}D"
            for kind in (
                "MaxPooling",
                "AveragePooling",
                "AdaptiveMaxPooling",
                "AdaptiveAveragePooling",
                "ZeroPadding",
                "UpSampling",
                "Cropping",
            )
            for dims in (1, 2, 3)
        ]
        + [f"Global{how}Pooling{dims}D" for how in ("Max", "Average") for dims in (2, 3)],
        _CONVOLUTION,
    ),
    **dict.fromkeys(
        [
            "LSTM",
            "GRU",
            "SimpleRNN",
            "RNN",
            "LSTMCell",
            "GRUCell",
            "SimpleRNNCell",
            "StackedRNNCells",
            "Bidirectional",
            "ConvLSTM1D",
            "ConvLSTM2D",
            "ConvLSTM3D",
        ],
        _RECURRENT,
    ),
    **dict.fromkeys(
        ["Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"], _ATTENTION
    ),
    **dict.fromkeys(["TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"], _CODE),
    **dict.fromkeys(["Hashing", "HashedCrossing"], _HASH),
    **dict.fromkeys(
        ["TextVectorization", "MelSpectrogram", "STFTSpectrogram", "Resizing", "CenterCrop"], _IMAGE
    ),
}
