//! How CatBoost sees a category: the lower 32 bits of CityHash64 (version 1.0) of its text.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;

/// The number that stands for a category's text. Integers are hashed as decimal text, booleans as `0` and `1`.
pub(crate) fn of_text(text: &[u8]) -> f64 {
    f64::from(city_hash_64(text) as u32)
}

fn word(s: &[u8], at: usize) -> u64 {
    s.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn half(s: &[u8], at: usize) -> u64 {
    s.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes).into())
}

fn mix_shift(x: u64) -> u64 {
    x ^ (x >> 47)
}

fn hash_16(u: u64, v: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9ddf_ea08_eb38_2d69;
    let a = mix_shift((u ^ v).wrapping_mul(MULTIPLIER));
    let b = mix_shift((v ^ a).wrapping_mul(MULTIPLIER));
    b.wrapping_mul(MULTIPLIER)
}

fn hash_to_16(s: &[u8]) -> u64 {
    let n = s.len();
    match n {
        0 => K2,
        1..=3 => {
            let (a, b, c) = (u32::from(s[0]), u32::from(s[n / 2]), u32::from(s[n - 1]));
            let y = u64::from(a.wrapping_add(b << 8));
            let z = u64::from((n as u32).wrapping_add(c << 2));
            mix_shift(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
        }
        4..=8 => hash_16((n as u64).wrapping_add(half(s, 0) << 3), half(s, n - 4)),
        _ => {
            let (a, b) = (word(s, 0), word(s, n - 8));
            hash_16(a, b.wrapping_add(n as u64).rotate_right(n as u32)) ^ b
        }
    }
}

fn hash_to_32(s: &[u8]) -> u64 {
    let n = s.len();
    let a = word(s, 0).wrapping_mul(K1);
    let b = word(s, 8);
    let c = word(s, n - 8).wrapping_mul(K2);
    let d = word(s, n - 16).wrapping_mul(K0);
    hash_16(
        a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d),
        a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(n as u64),
    )
}

fn hash_to_64(s: &[u8]) -> u64 {
    let n = s.len();
    let mut z = word(s, 24);
    let mut a = word(s, 0).wrapping_add((n as u64).wrapping_add(word(s, n - 16)).wrapping_mul(K0));
    let mut b = a.wrapping_add(z).rotate_right(52);
    let mut c = a.rotate_right(37);
    a = a.wrapping_add(word(s, 8));
    c = c.wrapping_add(a.rotate_right(7));
    a = a.wrapping_add(word(s, 16));
    let vf = a.wrapping_add(z);
    let vs = b.wrapping_add(a.rotate_right(31)).wrapping_add(c);
    a = word(s, 16).wrapping_add(word(s, n - 32));
    z = word(s, n - 8);
    b = a.wrapping_add(z).rotate_right(52);
    c = a.rotate_right(37);
    a = a.wrapping_add(word(s, n - 24));
    c = c.wrapping_add(a.rotate_right(7));
    a = a.wrapping_add(word(s, n - 16));
    let wf = a.wrapping_add(z);
    let ws = b.wrapping_add(a.rotate_right(31)).wrapping_add(c);
    let r = mix_shift(vf.wrapping_add(ws).wrapping_mul(K2).wrapping_add(wf.wrapping_add(vs).wrapping_mul(K0)));
    mix_shift(r.wrapping_mul(K0).wrapping_add(vs)).wrapping_mul(K2)
}

/// Hash of 32 bytes from `at` and two seeds.
fn weak_hash_32(s: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) = (word(s, at), word(s, at + 8), word(s, at + 16), word(s, at + 24));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    let a = a.wrapping_add(x).wrapping_add(y);
    let b = b.wrapping_add(a.rotate_right(44));
    (a.wrapping_add(z), b.wrapping_add(c))
}

fn city_hash_64(s: &[u8]) -> u64 {
    let n = s.len();
    match n {
        0..=16 => return hash_to_16(s),
        17..=32 => return hash_to_32(s),
        33..=64 => return hash_to_64(s),
        _ => {}
    }
    let mut x = word(s, 0);
    let mut y = word(s, n - 16) ^ K1;
    let mut z = word(s, n - 56) ^ K0;
    let mut v = weak_hash_32(s, n - 64, n as u64, y);
    let mut w = weak_hash_32(s, n - 32, (n as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(mix_shift(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    for at in (0..(n - 1) & !63).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(s, at + 16)).rotate_right(37).wrapping_mul(K1);
        y = y.wrapping_add(v.1).wrapping_add(word(s, at + 48)).rotate_right(42).wrapping_mul(K1);
        x ^= w.1;
        y ^= v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak_hash_32(s, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak_hash_32(s, at + 32, z.wrapping_add(w.1), y);
        std::mem::swap(&mut z, &mut x);
    }
    hash_16(
        hash_16(v.0, w.0).wrapping_add(mix_shift(y).wrapping_mul(K1)).wrapping_add(z),
        hash_16(v.1, w.1).wrapping_add(x),
    )
}

#[cfg(test)]
mod tests {
    use super::of_text;

    /// Hashes that CatBoost 1.2.10 wrote as one-hot values for these texts.
    #[test]
    fn equals_catboost() {
        for (text, hash) in [("c2", 2_217_144_012u32), ("3", 593_172_586), ("c10", 2_661_574_796), ("1", 1_121_341_681)]
        {
            assert_eq!(of_text(text.as_bytes()), f64::from(hash), "{text}");
        }
    }

    /// The same of texts around the lengths where the hash changes its way.
    #[test]
    fn equals_catboost_at_every_length() {
        let words = "The quick brown fox jumps over the lazy dog, ".repeat(3);
        let known = [
            (2, 2_610_868_867u32),
            (9, 3_275_992_472),
            (20, 786_364_258),
            (32, 2_101_407_553),
            (64, 4_098_182_484),
            (65, 2_900_676_376),
            (128, 365_152_715),
        ];
        for (length, hash) in known {
            let text = format!("{}~", &words[..length - 1]);
            assert_eq!(of_text(text.as_bytes()), f64::from(hash), "{text}");
        }
    }
}
