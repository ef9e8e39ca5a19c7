//! The intake alone: chunks go to Kafka.

use super::admin::Admin;
use super::door::Doors;
use super::engine::Remote;
use super::intake::{Held, Kafka};
use super::process::{self, Servers};
use super::tokens::{self, Believed, Shelf};
use crate::settings::Settings;
use ::ingest::Traffic;
use anyhow::{Context, bail};
use metrics::{counter, gauge};
use queue::Producer;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a readiness check waits for the brokers.
const PING: Duration = Duration::from_secs(3);

/// What is under way may be acknowledged for so long after the last request has ended.
const FLUSH: Duration = Duration::from_secs(20);

/// Runs the intake until `stop`; `ready` is called with the addresses of the intake and of health once both answer.
pub(crate) async fn ingest(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(&str, &str),
) -> anyhow::Result<()> {
    let remote = settings
        .remote
        .is_some()
        .then(|| Remote::new(settings))
        .transpose()?;
    let file = settings.ingest.tokens_file.as_deref();
    let believed = Believed::open(
        settings,
        file.map(|path| (path, "ingest.tokens_file")),
        None,
        remote.clone().map(Shelf::Remote),
    )
    .await?;
    let tls = settings.ingest.tls.as_ref();
    let takes_certificates = tls.is_some_and(|files| files.client_ca.is_some());
    if remote.is_none() && believed.keyring().is_empty() && !takes_certificates {
        bail!(crate::misuse::Misuse(
            "`ingest.tokens_file` names no token, so nobody could send anything\nhint: write lines `relay NAME sha256:HEX` or `endpoint ID sha256:HEX` to a file and name it, or set `store.url` and make tokens with `cbsift tokens create`".to_owned()
        ));
    }
    let doors = Doors::new(settings)?;
    let intake_door = doors.intake()?;
    let admin_door = doors.admin()?;
    let producer = Producer::new(&settings.queue)?;
    let broken = CancellationToken::new();
    let sink = Kafka::new(producer.clone(), broken.clone());
    // Without a store nothing is known of files sent before: they are sent again and fold.
    let held = remote.map_or(Held::Nothing, |remote| {
        Held::Remote(remote, pipeline::Names::default())
    });
    let (callers, desk) = tokens::callers(&believed, settings);
    let intake = ::ingest::router(sink, held, callers, &settings.ingest);

    let (pinged, counted) = (producer.clone(), producer.clone());
    let admin = Admin::new("ingest")?;
    let traffic = Traffic::new();
    let intake = traffic.count(intake);
    let admin = admin
        .with_traffic(traffic)
        .with_tokens(believed.clone())
        .with_check(move || {
            let producer = pinged.clone();
            async move {
                producer
                    .ping(PING)
                    .await
                    .map_err(|error| format!("Kafka is not ready: {error}"))
            }
        })
        .with_refresh(move || {
            let status = counted.status();
            counter!("cbsift_queue_produced_total").absolute(status.delivered);
            counter!("cbsift_queue_produced_bytes_total").absolute(status.delivered_bytes);
            counter!("cbsift_queue_produce_errors_total").absolute(status.failed + status.full);
            gauge!("cbsift_queue_in_flight_bytes").set(status.in_flight_bytes as f64);
            async {}
        });

    let urls = (intake_door.url()?, admin_door.url()?);
    let mut servers = Servers::new(&stop, process::drain(settings));
    servers.add("the intake", |stop| intake_door.serve(intake, stop));
    let admin = admin.router();
    servers.add("health and metrics", |stop| admin_door.serve(admin, stop));
    servers.add("the tokens", |stop| believed.run(stop));
    if let Some(desk) = desk {
        servers.add("enrolment", desk);
    }
    let topics = settings.queue.clone();
    servers.add("the topics", move |stop| async move {
        process::topics(&topics, &stop).await?;
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            () = broken.cancelled() => bail!("Kafka's producer is broken for good, so this process ends; what was not acknowledged is sent again"),
        }
    });
    ready(&urls.0, &urls.1);
    let outcome = servers.run().await;
    if !producer.flush(FLUSH).await {
        tracing::warn!(
            "some records were not acknowledged in time; their senders were not told that they were"
        );
    }
    outcome.context("run the intake")
}
