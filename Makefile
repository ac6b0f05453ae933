# `make test` is all there is to know: it installs what it needs, then checks
# everything. It works with the make of macOS, GNU make 3.81.

GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION  := v0.12.0

# The version is part of the path, so a new one is built when it is asked for.
GOLANGCI := bin/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOFUMPT  := bin/gofumpt-$(GOFUMPT_VERSION)/gofumpt

# A package that takes longer than this hangs. On a busy machine the largest takes 8
# minutes.
TIMEOUT := 20m

# Many tests play in real time: side by side within a package, as they mostly wait,
# but one package after another, so that a compiler does not make them late.
REALTIME := -p 1 -parallel 6

# The library is pure Go. Only the race detector needs a C compiler.
export CGO_ENABLED := 0

banner = @printf '\n=== %s\n' '$(1)'

.PHONY: test setup lint unit strict versions narrow cross nested bench bench-compare bench-go fuzz soak demo bot-demo fmt
.NOTPARALLEL:

# Everything, in the order that finds mistakes soonest.
test: setup lint unit strict versions narrow cross nested
	$(call banner,all passed)

# Installs what is missing: ffmpeg, a C compiler and the pinned tools.
setup: $(GOLANGCI) $(GOFUMPT)
	$(call banner,setup)
	@scripts/setup.sh ffmpeg cc

lint: $(GOLANGCI) $(GOFUMPT)
	$(call banner,gofumpt)
	@scripts/format.sh $(GOFUMPT)
	$(call banner,lint of every module)
	@scripts/lint.sh $(GOLANGCI)

unit:
	@scripts/setup.sh ffmpeg cc 'opusenc?' 'mkvmerge?'
	$(call banner,unit tests)
	@CGO_ENABLED=1 go test -race -shuffle=on $(REALTIME) -timeout $(TIMEOUT) ./...

# Repeats what a server has a say in with one that is as demanding as Telegram's own
# test server.
STRICT := Sound|Picture|Video|Rejoin|Seek|Switch|Pause|SenderReports|Loss|Forwarded
strict:
	@scripts/setup.sh ffmpeg cc
	$(call banner,the strictest server)
	@SFU=strict CGO_ENABLED=1 go test -race $(REALTIME) -timeout $(TIMEOUT) -run '$(STRICT)' -skip RTMP ./internal/e2e

# Tests what depends on ffmpeg with the versions of other Debian releases.
versions:
	@scripts/setup.sh ffmpeg
	$(call banner,other versions of ffmpeg)
	@scripts/versions.sh $(TIMEOUT)

# Tests on 32 bits.
narrow:
	@scripts/setup.sh ffmpeg
	$(call banner,32-bit tests)
	@scripts/narrow.sh $(TIMEOUT)

# Builds for every platform the README promises.
cross:
	$(call banner,cross builds)
	@scripts/cross.sh

# Tests the modules that are kept apart so that their dependencies are not ours.
nested:
	@scripts/setup.sh ffmpeg cc 'node?' 'npm?' 'chromium?'
	$(call banner,nested modules)
	@scripts/nested.sh $(TIMEOUT)

# Measures what calls cost, in two minutes; ARGS are flags of internal/bench. FULL=1 measures
# everything, in ten, and writes the tables of ARCHITECTURE.md and README.md.
BENCH := $(if $(FULL),-full -docs) $(ARGS)
bench:
	@scripts/setup.sh ffmpeg
	@go run ./internal/bench $(BENCH)

# Compares the cost of calls with that at BASE.
BASE  ?= HEAD~1
COUNT ?= 6
bench-compare:
	@scripts/setup.sh ffmpeg
	@scripts/bench-compare.sh $(BASE) $(COUNT) -window 3s -settle 500ms -samples 3 $(ARGS)

# Measures single functions.
bench-go:
	@scripts/setup.sh ffmpeg
	@go test -run '^$$' -bench . -benchmem ./...

# Runs each fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	$(call banner,fuzz for $(FUZZTIME) each)
	@scripts/fuzz.sh $(FUZZTIME)

# Lets 50 calls of the library and 20 chats of the bot live at random, each for DURATION;
# SEED, which it prints, repeats a run.
DURATION ?= 10m
soak:
	@scripts/setup.sh ffmpeg cc
	$(call banner,soak for $(DURATION))
	@DURATION=$(DURATION) SEED=$(SEED) CGO_ENABLED=1 go test -race -tags soak -run TestSoak -v -timeout 0 ./internal/e2e
	@cd examples/bot && DURATION=$(DURATION) SEED=$(SEED) CGO_ENABLED=1 go test -race -tags soak -run TestScenario30 -v -timeout 0 ./internal/scenario

# Opens a page that plays into calls on this machine. With FILE it plays that, too, and
# ends with it: it fails when what arrived is not what was played.
demo:
	@scripts/setup.sh ffmpeg
	@go run ./examples/local $(if $(FILE),'$(FILE)')

# Runs the music bot of examples/bot in a Telegram of this machine: a chat in the
# terminal, a call in the browser.
bot-demo:
	@scripts/setup.sh ffmpeg
	@cd examples/bot && go run ./demo

# Formats the code.
fmt: $(GOFUMPT)
	@$(GOFUMPT) -w .

$(GOLANGCI):
	$(call banner,install golangci-lint $(GOLANGCI_VERSION))
	@GOBIN='$(CURDIR)/$(@D)' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOFUMPT):
	$(call banner,install gofumpt $(GOFUMPT_VERSION))
	@GOBIN='$(CURDIR)/$(@D)' go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
