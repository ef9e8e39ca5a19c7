#!/usr/bin/env bash
# Makes the topic and says who may do what with them; safe to run again. Roles can write and read, but neither make nor change topics.
set -euo pipefail

broker="${BROKER:-kafka:9092}"
partitions="${PARTITIONS:-12}"
replicas="${REPLICAS:-1}"
config="${CONFIG:-/etc/cbsift/admin.properties}"
bin="${BIN:-/opt/kafka/bin}"

topic() { # NAME RETENTION_MS
  "$bin/kafka-topics.sh" --bootstrap-server "$broker" --command-config "$config" --create --if-not-exists --topic "$1" \
    --partitions "$partitions" --replication-factor "$replicas" \
    --config cleanup.policy=delete --config "retention.ms=$2" --config max.message.bytes=1048576
}

allow() { # USER ARGUMENT...
  local user="$1"
  shift
  "$bin/kafka-acls.sh" --bootstrap-server "$broker" --command-config "$config" --add --allow-principal "User:$user" "$@"
}

day=86400000
topic cbsift.chunks.v1 $((7 * day))

allow ingest --operation Write --operation Describe --operation DescribeConfigs --topic cbsift.chunks.v1
allow pipeline --operation Read --operation Describe --operation DescribeConfigs --topic cbsift.chunks.v1
# `cbsift dead-letters retry` sends records back.
allow pipeline --operation Write --topic cbsift.chunks.v1
# Topics of shippers (`queue.foreign_topics`), made by whoever runs those, with a space between.
for foreign in ${FOREIGN_TOPICS:-}; do
  allow pipeline --operation Read --operation Describe --operation Write --topic "$foreign"
done
allow pipeline --operation Read --operation Describe --group cbsift-pipeline --resource-pattern-type prefixed
