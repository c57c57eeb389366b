(module
  (memory (export "memory") 5)
  (func (export "digest") (param $pages i32)
    (local $at i32) (local $end i32) (local $key i32) (local $out i32)
    (local $v v128) (local $w v128) (local $a v128) (local $b v128) (local $any v128) (local $nh v128)
    (local.set $at (i32.const 0x10000))
    (loop $page
      (if (i32.eqz (local.get $pages)) (then (return)))
      (local.set $pages (i32.sub (local.get $pages) (i32.const 1)))
      (local.set $end (i32.add (local.get $at) (i32.const 4096)))
      (local.set $key (i32.const 0x1000))
      (local.set $a (v128.const i32x4 0 0 0 0))
      (local.set $b (v128.const i32x4 0 0 0 0))
      (local.set $any (v128.const i32x4 0 0 0 0))
      (local.set $nh (v128.const i32x4 0 0 0 0))
      (loop $words
        (local.set $v (v128.load (local.get $at)))
        (local.set $w (v128.load offset=16 (local.get $at)))
        (local.set $any (v128.or (local.get $any) (v128.or (local.get $v) (local.get $w))))
        (local.set $a (i32x4.add (local.get $a) (local.get $v)))
        (local.set $b (i32x4.add (local.get $b) (local.get $a)))
        (local.set $a (i32x4.add (local.get $a) (local.get $w)))
        (local.set $b (i32x4.add (local.get $b) (local.get $a)))
        (local.set $v (i32x4.add (local.get $v) (v128.load (local.get $key))))
        (local.set $w (i32x4.add (local.get $w) (v128.load offset=16 (local.get $key))))
        (local.set $nh
          (i64x2.add
            (local.get $nh)
            (i64x2.add
              (i64x2.extmul_low_i32x4_u (local.get $v) (local.get $w))
              (i64x2.extmul_high_i32x4_u (local.get $v) (local.get $w)))))
        (local.set $key (i32.add (local.get $key) (i32.const 32)))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br_if $words (i32.lt_u (local.get $at) (local.get $end))))
      (i32.store (local.get $out)
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $a)) (i32x4.extract_lane 1 (local.get $a)))
          (i32.add (i32x4.extract_lane 2 (local.get $a)) (i32x4.extract_lane 3 (local.get $a)))))
      (local.set $b
        (i32x4.sub
          (i32x4.shl (local.get $b) (i32.const 2))
          (i32x4.mul (local.get $a) (v128.const i32x4 0 1 2 3))))
      (i32.store offset=4 (local.get $out)
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $b)) (i32x4.extract_lane 1 (local.get $b)))
          (i32.add (i32x4.extract_lane 2 (local.get $b)) (i32x4.extract_lane 3 (local.get $b)))))
      (i64.store offset=8 (local.get $out)
        (select
          (i64.add (i64x2.extract_lane 0 (local.get $nh)) (i64x2.extract_lane 1 (local.get $nh)))
          (i64.const 0)
          (v128.any_true (local.get $any))))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br $page))))
