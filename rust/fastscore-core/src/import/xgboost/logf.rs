//! The logarithm of `f32` with the bits of glibc's `logf`, which XGBoost calls for base scores.
//!
//! ```text
//! x = 2^k z, z from OFF on below 2 OFF; c about the middle of the sixteenth that z is in
//! r = z / c - 1                              |r| below 1/25, z (1 / c) - 1 fused
//! y = r^2 (A0 r^2 + (A1 r + A2)) + ((log c + k ln 2) + r)       all in f64, each product's sum fused
//! ```
//!
//! It is not correctly rounded (0.818 ulp): another logarithm would start some sums an ulp off. The algorithm and its
//! constants are S. Nagy's, from Arm's optimized routines, which is glibc's since 2.27; sums of products are fused as it
//! has them on processors with fused multiply-add.

use std::f64::consts::LN_2;

/// The bits of the least `z`, about 0.7.
const OFF: u32 = 0x3f33_0000;

/// `1 / c` and `log c`, as bits.
const TABLE: [(u64, u64); 16] = [
    (0x3ff6_61ec_79f8_f3be, 0xbfd5_7bf7_808c_aade),
    (0x3ff5_71ed_4aaf_883d, 0xbfd2_bef0_a7c0_6ddb),
    (0x3ff4_9539_f0f0_10b0, 0xbfd0_1eae_7f51_3a67),
    (0x3ff3_c995_b0b8_0385, 0xbfcb_31d8_a682_24e9),
    (0x3ff3_0d19_0c88_64a5, 0xbfc6_574f_0ac0_7758),
    (0x3ff2_5e22_7b0b_8ea0, 0xbfc1_aa2b_c79c_8100),
    (0x3ff1_bb4a_4a1a_343f, 0xbfba_4e76_ce8c_0e5e),
    (0x3ff1_2358_f08a_e5ba, 0xbfb1_973c_5a61_1ccc),
    (0x3ff0_953f_4199_00a7, 0xbfa2_52f4_38e1_0c1e),
    (0x3ff0_0000_0000_0000, 0x0000_0000_0000_0000),
    (0x3fee_608c_fd9a_47ac, 0x3faa_a5aa_5df2_5984),
    (0x3fec_a4b3_1f02_6aa0, 0x3fbc_5e53_aa36_2eb4),
    (0x3feb_2036_576a_fce6, 0x3fc5_26e5_7720_db08),
    (0x3fe9_c2d1_63a1_aa2d, 0x3fcb_c286_0d22_4770),
    (0x3fe8_86e6_0378_41ed, 0x3fd1_058b_c8a0_7ee1),
    (0x3fe7_67dc_f553_4862, 0x3fd4_0430_57b6_ee09),
];

const A: [f64; 3] = [
    f64::from_bits(0xbfd0_0ea3_48b8_8334),
    f64::from_bits(0x3fd5_575b_0be0_0b6a),
    f64::from_bits(0xbfdf_fffe_f20a_4123),
];

/// The natural logarithm of a positive finite number.
pub(super) fn logf(x: f32) -> f32 {
    let bits = match x.to_bits() {
        // A subnormal one: its exponent is that of 2^23 times it.
        bits if bits < 0x0080_0000 => (x * 8_388_608.0).to_bits().wrapping_sub(23 << 23),
        bits => bits,
    };
    let offset = bits.wrapping_sub(OFF);
    let (inverse, log_c) = TABLE[(offset >> 19) as usize % 16];
    let k = f64::from(offset as i32 >> 23);
    let z = f64::from(f32::from_bits(bits.wrapping_sub(offset & 0xff80_0000)));
    let r = z.mul_add(f64::from_bits(inverse), -1.0);
    let y0 = k.mul_add(LN_2, f64::from_bits(log_c));
    let r2 = r * r;
    let y = A[0].mul_add(r2, A[1].mul_add(r, A[2]));
    y.mul_add(r2, y0 + r) as f32
}

#[cfg(test)]
mod tests {
    use super::logf;

    /// Bits of glibc 2.36's `logf`: places where the nearest `f32` is another, and the ends.
    #[test]
    fn bits_are_glibcs() {
        for (x, y) in CASES {
            assert_eq!(logf(f32::from_bits(x)).to_bits(), y, "logf of {x:#x}");
        }
    }

    /// Within its bound of a logarithm in `f64`, everywhere.
    #[test]
    fn it_is_near_the_logarithm() {
        for bits in (1..0x7f80_0000).step_by(9973) {
            let x = f32::from_bits(bits);
            let (found, exact) = (f64::from(logf(x)), f64::from(x).ln());
            let ulp = f64::from((exact as f32).abs().next_up() - (exact as f32).abs());
            assert!((found - exact).abs() <= 0.82 * ulp, "logf({x:e})");
        }
        assert_eq!(logf(1.0).to_bits(), 0);
    }

    const CASES: [(u32, u32); 30] = [
        (0x0011_5d23, 0xc2b2_ab1b),
        (0x2829_f38c, 0xc201_2d80),
        (0x3651_79c8, 0xc14a_d5e3),
        (0x3c18_a0c3, 0xc095_a242),
        (0x3e40_823e, 0xbfd5_ee25),
        (0x3f0a_6165, 0xbf1d_7bd4),
        (0x3f4a_f1c6, 0xbe6d_d1b3),
        (0x3f69_3f42, 0xbdbe_a038),
        (0x3f78_9d48, 0xbcef_d0ea),
        (0x3f7b_8dc6, 0xbc8f_8743),
        (0x3f7d_3388, 0xbc34_1a7e),
        (0x3f81_f3f5, 0x3c78_1737),
        (0x3f84_38e3, 0x3d04_ee26),
        (0x3f8c_7f72, 0x3dbe_cb9d),
        (0x3fa3_b4fd, 0x3e7b_f3fa),
        (0x3ffb_242d, 0x3f2c_8a50),
        (0x40c2_7ec7, 0x3fe6_ff7c),
        (0x4311_3c06, 0x409f_4ea4),
        (0x4962_d43e, 0x415b_df15),
        (0x581c_eb32, 0x4208_abf0),
        (0x0000_0001, 0xc2ce_8ed0),
        (0x007f_ffff, 0xc2ae_ac50),
        (0x0080_0000, 0xc2ae_ac50),
        (0x3f80_0000, 0x0000_0000),
        (0x3f7f_ffff, 0xb380_0000),
        (0x3f80_0001, 0x33ff_ffff),
        (0x7f7f_ffff, 0x42b1_7218),
        (0x3f00_0000, 0xbf31_7218),
        (0x3f33_0000, 0xbeb7_3077),
        (0x3f32_ffff, 0xbeb7_307a),
    ];
}
