# Every target is an alias: what it does is in .ci/ or in the go command it names.

.PHONY: help deps build run test lint fuzz bench

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

deps: ## install what the build needs and the machine lacks (Debian)
	@.ci/deps

build: deps ## build bin/keytrail
	go build -trimpath -o bin/ ./daemon/cmd/keytrail

run: build ## start keytrail on REPO=path-or-url, or on a demo history
	@.ci/start $(if $(REPO),'$(REPO)')

lint: deps ## gofmt, go vet and staticcheck
	@.ci/lint

test: lint ## lint, then every test with the race detector, and without it those that it makes too slow
	go test -race -timeout 10m ./...
	go test -timeout 10m ./storage/pebblestore
	go test -timeout 10m -run 'TestKafka' ./daemon

fuzz: deps ## run each fuzz target for FUZZTIME (30s)
	@.ci/fuzz

bench: build ## measure keytrail beside its peers in minutes (BENCH=full: hours), or WHAT=index|push|query|sweep|fetch of REPO=path
	go run ./bench/cmd/bench $(or $(WHAT),$(if $(REPO),index,all)) $(if $(REPO),--repo '$(REPO)') $(if $(WHAT)$(REPO),,$(if $(filter full,$(BENCH)),--full))
