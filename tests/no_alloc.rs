//! A warm call allocates nothing on its thread.

#![allow(unsafe_code)]

use sawmill::{Level, NullHandler, info, warning};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator unchanged. The counter is a constant
// without a destructor, so reaching it neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(old, layout, size) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the tenth and later runs of `call` allocate on this thread.
fn allocations(mut call: impl FnMut(u64)) -> u64 {
    for n in 0..10 {
        call(n);
    }
    let before = ALLOCATIONS.get();
    for n in 10..500 {
        call(n);
    }
    ALLOCATIONS.get() - before
}

#[test]
fn warm_calls_allocate_nothing_on_their_thread() {
    let runtime =
        sawmill::builder().level(Level::INFO).handler("null", NullHandler::new()).init().unwrap();
    let long = "x".repeat(1024);
    let owned = String::from("an owned string");
    let logger = sawmill::get_logger("a.b");

    // The counter counts: a gate that never closes proves nothing.
    assert_eq!(allocations(|n| drop(black_box(Box::new(n)))), 490);

    assert_eq!(allocations(|_| info!("no argument")), 0);
    assert_eq!(allocations(|n| info!("{n} {} {}", n ^ 1, n as f64)), 0);
    assert_eq!(allocations(|n| info!("{} {n}", black_box(&*long))), 0);
    assert_eq!(allocations(|n| info!("{owned} {n} {:>10} {:.3}", "right", 1.5)), 0);
    assert!(runtime.flush(Duration::from_secs(5)).is_complete());
    assert_eq!(
        allocations(|n| {
            let (a, b, c, d) = (n as u8, n as u16, n as u32, n as i64);
            let (e, f, g, h) = (n as f32, n as f64, 'c', n % 2 == 0);
            info!("{a} {b} {c} {d} {e} {f} {g} {h}");
        }),
        0
    );
    assert_eq!(
        allocations(|n| {
            let path = black_box("/v1/items");
            warning!(user = n, path, ratio = 0.5, ok = true; "{path} for {n}");
        }),
        0
    );
    assert_eq!(allocations(|n| info!(logger: logger, key:? = Some(n); "{:?}", [n, n])), 0);
    // Every call was an enabled one: seven shapes, 500 times each.
    let stats = runtime.stats();
    assert_eq!((stats.published, stats.dropped), (3_500, 0));
}
