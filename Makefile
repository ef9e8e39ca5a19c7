# A thin menu: real logic lives in Rust, in the crates' own scripts and in tests.
CORPUS ?= ../shared/data
CARGO ?= cargo
DENY := .cache/cargo-deny-0.20.2/cargo-deny
LIBCHDB := .cache/libchdb-26.7.3/libchdb.so

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast soak bench-owners bench-fleet disk corpus bench check fix gen api ui libchdb kafka-libs kafka test-tools compose-check corpus-there clean ntdll headers fuzz audit shots deny-there windows wine test-windows dist

help: ## This menu
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

demo: ui libchdb ## Everything on this machine with a made-up fleet; prints the page's address
	$(CARGO) build --release --bin cbsift
	rm -rf .cache/demo && ./target/release/cbsift up --data .cache/demo --simulate 240

test: ui libchdb test-tools ## Everything, services included; nothing to start by hand
	cd crates/web/ui && npm test --silent
	$(CARGO) test --workspace

shots: ui libchdb test-tools ## Every page in both languages, three sizes, light and dark, and what receivers of alerts are sent: target/screenshots
	CBSIFT_SHOTS=1 $(CARGO) test --workspace --test it browser:: -- --nocapture

test-fast: ui ## Without engine, browser and services: about a minute once built
	$(CARGO) test -p event -p quantity -p harmless -p serve -p parse -p classify -p windows-error-codes -p simulate

soak: ui libchdb kafka-libs ## Faults of the cluster for longer, in an order of chance; CBSIFT_SOAK=SEED repeats one
	$(CARGO) build -p agent
	CBSIFT_SOAK="$${CBSIFT_SOAK:-1}" $(CARGO) test -p cbsift --test cluster -- faults agents --nocapture

bench-owners: ui libchdb kafka-libs ## A backlog of 20,000 units 50 ms away: two pipelines against one, and one that is killed; CBSIFT_OWNERS=N for another number
	CBSIFT_OWNERS="$${CBSIFT_OWNERS:-20000}" $(CARGO) test -p cbsift --test cluster owners -- --nocapture

bench-fleet: libchdb ## Pages of 100,000 endpoints and 100 M events, engine within 2 GiB; FLEET_ENDPOINTS and FLEET_EVENTS for other numbers
	$(CARGO) bench -p store --bench fleet

disk: ui libchdb ## The bound on the disk at CBSIFT_DISK_MIB (default 300) on a small file system of its own; needs root
	CBSIFT_DISK_MIB="$${CBSIFT_DISK_MIB:-300}" $(CARGO) test -p cbsift --test it disk:: -- --nocapture --test-threads 1

corpus: corpus-there headers ui libchdb kafka-libs ## Check and measure on real logs in CORPUS (default ../shared/data)
	CORPUS="$(abspath $(CORPUS))" $(CARGO) test --workspace --test corpus -- --nocapture

bench: corpus-there ui libchdb kafka-libs ## MB/s per core of every leg on CORPUS, each checked against its answer; what one more record costs with months behind it
	CORPUS="$(abspath $(CORPUS))" $(CARGO) bench -p cbsift --bench throughput
	$(CARGO) build --release -p agent
	CORPUS="$(abspath $(CORPUS))" $(CARGO) bench -p cbsift --bench through_kafka
	$(CARGO) bench -p agent --bench rest
	$(CARGO) bench -p cbsift --bench history
	$(CARGO) bench -p cbsift --bench live
	$(CARGO) run --release -p pipeline --example throughput

check: ui deny-there ## Formatting, lints, docs, and what dependencies may be; warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	$(DENY) --locked check --hide-inclusion-graph licenses bans sources
	cd crates/web/ui && npm run check --silent

fix: ui ## Format
	$(CARGO) fmt --all
	cd crates/web/ui && npm run fix --silent

windows: ## cbsift and cbsift-agent for Windows 7 and later, x64 and x86, in target/windows; as root it installs what it needs
	packaging/build-windows --package agent
	packaging/build-windows --package cbsift

wine: windows ## Wine for the tests of those programs
	tests/wine/prepare

test-windows: wine ## The programs for Windows under Wine, on our own fixtures, and with CORPUS on the given files
	$(CARGO) test -p agent --features wine --test windows
	$(CARGO) test -p cbsift --features wine --test windows
	@if test -d "$(CORPUS)"; then CORPUS="$(abspath $(CORPUS))" $(CARGO) test -p cbsift --features wine --test corpus windows -- --nocapture; fi

dist: ui libchdb windows ## Archives of every role with version, hashes and lists of what is in them, in target/dist
	$(CARGO) build --release --locked --bin cbsift --bin cbsift-agent
	packaging/make-dist

gen: ## Make the table of error codes again from its sources
	python3 crates/windows-error-codes/gen/generate.py

api: ui ## What the API says of itself, and the types of the pages' client, again from the code
	$(CARGO) run --quiet -p web --example openapi > crates/web/openapi.json.new
	mv crates/web/openapi.json.new crates/web/openapi.json
	cd crates/web/ui && npm run --silent api

ntdll: ## Ask ntdll under Wine for every NTSTATUS and compare the table with it
	python3 crates/windows-error-codes/gen/check_ntdll.py

headers: ## The C headers that the table of codes is compared with: pinned, integrity checked
	python3 crates/windows-error-codes/gen/generate.py --headers

ui: crates/web/ui/dist/index.html ## The pages

crates/web/ui/dist/index.html: crates/web/ui/package-lock.json $(shell find crates/web/ui/src crates/web/ui/public crates/web/ui/index.html crates/web/ui/vite.config.ts -type f)
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or newer" >&2; exit 1; }
	cd crates/web/ui && npm ci --silent && npm run build --silent && touch dist/index.html

libchdb: $(LIBCHDB) ## The embedded ClickHouse engine: pinned, integrity checked

$(LIBCHDB):
	crates/embedded-clickhouse/fetch-libchdb

kafka-libs: ## Apache Kafka and ZooKeeper for the tests, by Maven
	tests/kafka/fetch-libs

kafka: kafka-libs ## A Kafka broker in the foreground; prints its address
	$(CARGO) run --quiet -p kafka-harness

test-tools: kafka-libs ## What only tests need: a Python environment, a browser, Prometheus, Alertmanager, kcat
	crates/embedded-clickhouse/make-venv
	crates/embedded-clickhouse/make-node-clients
	tests/browser/prepare
	tests/prometheus/prepare
	tests/alertmanager/prepare
	tests/kcat/prepare

compose-check: ## Docker's own check of docker/compose.yaml
	docker compose --file docker/compose.yaml config --quiet

fuzz: ## Every reader of strangers' bytes under libFuzzer, FUZZ_SECONDS (600) in all; TARGET=name runs one
	fuzz/run

audit: deny-there ## Known faults of dependencies; needs the advisory database, and says when it cannot get it
	@$(DENY) check advisories || { echo "hint: where the database cannot be fetched, \`$(DENY) --offline check advisories\` reads the copy that an earlier run left in ~/.cargo/advisory-dbs" >&2; exit 1; }

deny-there:
	@tests/deny/prepare

corpus-there:
	@test -d "$(CORPUS)" || { printf 'no corpus at `%s`\nhint: CORPUS=FOLDER make corpus\n' "$(CORPUS)" >&2; exit 2; }

clean: ## Remove what was built; .cache keeps what was fetched
	$(CARGO) clean
	rm -rf crates/web/ui/dist crates/web/ui/node_modules tests/browser/node_modules .cache/demo
