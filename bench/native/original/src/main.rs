//! Answers every line on standard input, a height, with the nanoseconds that `snapshot` of the original took for it.
//!
//! usage: original RELEASE VOLUME CAP

use std::io::{self, BufRead, Write};
use std::time::Instant;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, release, volume, cap] = args.as_slice() else {
        eprintln!("usage: original RELEASE VOLUME CAP");
        std::process::exit(2);
    };
    let cap: u64 = cap.parse().expect("cap");
    let snapshot: Box<dyn Fn(u64)> = match release.as_str() {
        "2.0.0" => {
            let mut cfg = btm2::BtmCfg::new(volume, Some("btrfs")).expect("configuration");
            (cfg.itv, cfg.cap) = (1, cap);
            Box::new(move |height| cfg.snapshot(height).expect("snapshot"))
        }
        _ => {
            let mut cfg = btm3::BtmCfg::new(volume, Some("btrfs")).expect("configuration");
            (cfg.itv, cfg.cap) = (1, cap);
            Box::new(move |height| cfg.snapshot(height).expect("snapshot"))
        }
    };
    for line in io::stdin().lock().lines() {
        let height: u64 = line?.parse().expect("height");
        let start = Instant::now();
        snapshot(height);
        println!("{}", start.elapsed().as_nanos());
        io::stdout().flush()?;
    }
    Ok(())
}
