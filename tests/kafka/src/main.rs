//! A broker for hand use: `make kafka`.

use kafka_harness::{Broker, Options};
use std::io::Read as _;

fn main() {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let broker = Broker::start(&Options {
        port,
        ..Options::default()
    });
    println!("{}", broker.address());
    eprintln!(
        "Apache Kafka runs until Ctrl-C, or until standard input ends; its data goes with it"
    );
    // Ctrl-C ends both processes; the end of input ends this one, which ends the broker.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
