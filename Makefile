# Everything a developer does with Kontor; `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help run centre build test race timing soak shuffled bench check-exports generate lint verify setup web contract chart clients changelog vulnerabilities vulnerabilities-of-today
.NOTPARALLEL:

# go.mod names the Go that has what is known mended. It comes from the module proxy; without one the Go that is installed does.
export GOTOOLCHAIN := $(shell GOTOOLCHAIN=auto go version >/dev/null 2>&1 && echo auto || echo local)

# SQLite is C that was translated to Go: under the race detector it is 35 times
# slower, and what it does inside is not ours. The code that calls it is watched, and so is its
# driver: that has copies of sync.Map's functions, of which the linker takes one for all, and a copy
# that is not watched lets the detector see races in Go's own packages.
RACE := -race -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc/...=-race=false'

# Prints packages and what failed, fails as go test does, and keeps the events for the table of cases.
EVENTS := bin/tests.json
TESTED := mkdir -p bin && go tool gotestsum --format pkgname --jsonfile $(EVENTS) --

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A module of its own: Kontor does not depend on what it is made of.
CENTRE := internal/kontortest/provider

run: web ## start Kontor with demo data on http://localhost:8080; needs Go and Node.js only
	KONTOR_DEMO=true go run ./cmd/kontor serve

centre: ## start a customer centre to try the linking of accounts with, and say how to run Kontor with it
	cd $(CENTRE) && go run .

build: web ## build bin/kontor, one static binary
	CGO_ENABLED=0 go build -trimpath -o bin/kontor ./cmd/kontor

test: setup web lint contract chart vulnerabilities ## lint, run all tests, on SQLite and on a PostgreSQL and Redis of their own, and write docs/security.md
	$(TESTED) -timeout 30m ./...
	@go run ./cmd/cases -write $(EVENTS)

test race: clients

race: setup web lint contract chart vulnerabilities ## the same as test, under the race detector
	go test $(RACE) -timeout 30m ./...

timing: setup web ## measure whether times of answers tell what they must not, for some minutes, on a machine that does nothing else
	KONTOR_TIMING=1 go test -count=1 -timeout 60m ./server -run 'TestTimeOf(Refused|Requests)'

SOAK ?= 50
soak: setup ## compare lists, checks and explanations in so many other worlds: make soak SOAK=200
	for seed in $$(shuf -i 3-1000000000 -n $(SOAK)); do \
		echo "seed $$seed"; KONTOR_SEED=$$seed go test -count=1 ./internal/access -run 'TestListsAndChecksAgree' || exit 1; \
	done
	go test ./authz -rapid.checks=20000

RUNS ?= 20
shuffled: setup web ## run all tests so many times under the race detector, each time in another order: make shuffled RUNS=20
	go test $(RACE) -shuffle=on -count=$(RUNS) -timeout 24h ./...

bench: setup build ## measure Kontor against hand-written comparators on PostgreSQL
	go run ./cmd/bench
	go test ./server -run '^$$' -bench 'SaveTransfer|Revocation' -benchtime 100x

check-exports: ## open what users download with LibreOffice and Poppler, and compare it with its CSV file
	@$(MAKE) --no-print-directory setup needed="soffice:libreoffice-calc pdfinfo:poppler-utils"
	KONTOR_OFFICE=1 go test -count=1 ./server -run 'TestOfficeOpensFiles|TestPopplerDrawsFiles'

generate: ## write the generated code anew: ent first, then gqlgen, which reads it, then docs/rights.md and clients/schema.graphql
	go generate ./...

lint: ## check format and code, with go vet and staticcheck
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path '*/node_modules/*')); \
	if [ -n "$$unformatted" ]; then echo "Not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	cd $(CENTRE) && go vet ./...
	go tool staticcheck $$(go list ./... | grep -vE '^kontor/(ent($$|/[^s])|ent/(saved(assignment|cart)|simcard)|graph/(generated|model|direct/directtest)|cmd/bench/comparator)')

verify: generate ## fail when generated code, go.mod or go.sum are not what is committed or staged
	go mod tidy
	cd $(CENTRE) && go mod tidy
	cd $(DEPLOY) && go mod tidy
	cd $(VULNERABILITIES) && go mod tidy
	git diff --exit-code
	@untracked=$$(git ls-files --others --exclude-standard); \
	if [ -n "$$untracked" ]; then echo "Files that git does not know; add or ignore them:"; echo "$$untracked"; exit 1; fi

# Checks first, so that nothing happens where everything is there.
setup: ## install what tests need and is missing: postgresql, redis-server, nodejs, a C compiler
	@missing=""; \
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v cc >/dev/null || missing="$$missing gcc libc6-dev"; \
	for each in $(needed); do command -v "$${each%%:*}" >/dev/null || missing="$$missing $${each#*:}"; done; \
	[ -n "$$missing" ] || exit 0; \
	if ! command -v apt-get >/dev/null; then \
		echo "Missing:$$missing (the names of Debian's packages). There is no apt-get here: install them in your system's way."; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then as_root="env"; \
	elif command -v sudo >/dev/null; then as_root="sudo env"; \
	else echo "Missing:$$missing. Neither root nor sudo is at hand; as root, run: apt-get install$$missing"; exit 1; fi; \
	echo "Installing$$missing"; \
	$$as_root apt-get update -qq && \
	$$as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

PAGE := server/page
web: $(PAGE)/assets/.stamp ## fetch the start page's assets from npm, if they changed

$(PAGE)/assets/.stamp: $(wildcard $(PAGE)/*.json $(PAGE)/*.js $(PAGE)/*.mjs)
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js (https://nodejs.org), or run make setup on Debian."; exit 1; }
	cd $(PAGE) && npm ci --no-audit --no-fund && npm run build
	@touch $@

# What it reads is outside of its module, which the cache of tests does not watch.
DEPLOY := deploy/check
chart: web ## lint and render the Helm chart and the Containerfile, without a cluster and without an engine
	cd $(DEPLOY) && go vet ./... && go test -count=1 ./...

# The database is a module, too: pinned and fetched like all others, so that a run tells the same tomorrow, until somebody takes the
# next one: make vulnerabilities-of-today.
VULNERABILITIES := deploy/vulnerabilities
GOVULNDB ?= file://$(CURDIR)/bin/vulndb
vulnerabilities: ## look for known vulnerabilities in what is called, with govulncheck and its pinned database, or the one at GOVULNDB
	@mkdir -p bin/vulndb
	cd $(VULNERABILITIES) && go mod download golang.org/x/vulndb && \
		go tool indexdb -vulns "$$(go list -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out ../../bin/vulndb && \
		go tool govulncheck -C ../.. -db "$(GOVULNDB)" ./...

vulnerabilities-of-today: ## take the newest database of vulnerabilities that the module proxy has, and look
	cd $(VULNERABILITIES) && go get -tool golang.org/x/vulndb/cmd/indexdb@latest && go mod tidy
	@$(MAKE) --no-print-directory vulnerabilities

# Tools and clients of frontends; installed anew when the lock changed.
clients/node_modules/.stamp: clients/package.json clients/package-lock.json
	cd clients && npm ci --no-audit --no-fund
	@touch $@

clients: web clients/node_modules/.stamp ## lint the schema, look for what breaks clients, and try it with codegen, Relay's compiler, Apollo, urql and Relay
	cd clients && npm test

changelog: clients/node_modules/.stamp ## write clients/CHANGELOG.md anew: how the schema differs from the last release
	cd clients && node changes.mjs --write

contract: web clients/node_modules/.stamp ## run the GraphQL-over-HTTP audit and the usual subscription clients against a server of its own
	cd clients && npm run audit
