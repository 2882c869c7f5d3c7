# make build | check | test | demo | bench | fuzz | soak | conformance
GO          ?= go
STATICCHECK ?= v0.8.2
GOVULNCHECK ?= v1.8.0
FUZZTIME    ?= 20s
SHELL       := bash -o pipefail

# Their modules stay out of go.mod: what only checks the code is no dependency of it.
staticcheck := $(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
# The integration tests have a run of their own in make test; under the race detector they would only test other people's servers.
racing       = $(shell $(GO) list ./... | grep -v /integration)

# Debian keeps servers where an ordinary user does not look; the integration tests start them as that user all the same.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: build check test demo bench fuzz soak conformance clean

build:
	$(GO) build -trimpath -o bin/cnfd ./cmd/cnfd

check:
	@echo "== gofmt"
	@unformatted=$$(find . -name '*.go' -not -path '*/node_modules/*' -exec gofmt -l {} +); \
	  [ -z "$$unformatted" ] || { echo "gofmt -w is due:"; echo "$$unformatted"; exit 1; }
	@echo "== go vet"
	@$(GO) vet ./...
	@$(GO) vet -tags soak ./...
	@echo "== staticcheck $(STATICCHECK)"
	@$(staticcheck) ./...
	@echo "== govulncheck $(GOVULNCHECK)"
	@scripts/govulncheck.sh $(GOVULNCHECK)
	@echo "== tests under the race detector"
	@$(GO) test -race -timeout 20m -json $(racing) | $(GO) run ./internal/testneeds/report

# Everything. As root it first installs what the integration tests need; what is skipped is listed at the end, and
# with CI=true nothing may be.
test: build
	@scripts/install-test-deps.sh
	$(GO) test -timeout 30m -json ./... | $(GO) run ./internal/testneeds/report

# Starts a small signed Internet on loopback, verifies a JWT and a CWT against it, shows a revocation, and ends.
demo: build
	bin/cnfd sandbox --demo

bench:
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./...

fuzz:
	@scripts/fuzz.sh $(FUZZTIME)

# Long fuzzing and timed tests; writes docs/testing.md. SOAK=1h fuzzes for an hour a target.
soak: build
	scripts/soak.sh

conformance: build
	scripts/conformance.sh

clean:
	rm -rf bin integration/*/node_modules
