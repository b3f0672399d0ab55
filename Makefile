# Every target installs what it needs on a fresh Debian 12 with Swift; see scripts/install-dependencies.sh.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PREFIX ?= /usr
DEBUG := .build/debug/gruveo-relay
RELEASE := .build/release/gruveo-relay
VENV := .build/python
# Tests that drive a binary from outside: most of them wait, so four run at once; those with a bar by themselves.
define outside
RELAY_BINARY=$(1) $(VENV)/bin/python -m pytest -q Tests/Outside -n 4 -m "$(2) and not alone"
	RELAY_BINARY=$(1) $(VENV)/bin/python -m pytest -q Tests/Outside -m "$(2) and alone"
endef

.PHONY: demo test check counter-tests soak fuzz sanitize bench bench-parts build release answers install uninstall clean

demo: ## Start the relay with sample destinations and send it three signed events
	@scripts/install-dependencies.sh build
	@swift build --product gruveo-relay
	@$(DEBUG) demo

build:
	@scripts/install-dependencies.sh build
	swift build --build-tests

test: build $(VENV)/ready ## Run all tests: unit tests, then the debug binary from outside
	swift test --skip-build
	$(call outside,$(DEBUG),not soak)

$(VENV)/ready: Tests/Outside/requirements.txt scripts/install-dependencies.sh
	@scripts/install-dependencies.sh test
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Outside/requirements.txt
	@touch $@

release:
	@scripts/install-dependencies.sh build
	swift build -c release --static-swift-stdlib --product gruveo-relay

# The tools that tests ask beside the program itself.
answers: release
	for tool in PatternAnswers TemplateAnswers AddressAnswers; do \
	  swift build -c release --static-swift-stdlib --product $$tool; done

check: answers $(VENV)/ready ## Style and structure, then the release binary from outside (short)
	scripts/check-style
	scripts/check-style --self-test
	scripts/counter-tests --applies
	$(call outside,$(RELEASE),release and not soak)

counter-tests: $(VENV)/ready ## Take each guarantee out once, and see its tests fail; ONLY="P04 P11" for some of them
	@scripts/install-dependencies.sh test
	$(VENV)/bin/python scripts/counter-tests $(ONLY)

soak: answers $(VENV)/ready ## Long fault tests: kill -9, power cut, their counter-tests, 10,000 simulations (root)
	@scripts/install-dependencies.sh soak
	RELAY_BINARY=$(RELEASE) $(VENV)/bin/python -m pytest -q Tests/Outside -m soak
	swift build --build-tests
	SIMULATION_SEEDS=10000 swift test --skip-build --filter SimulationTests
	scripts/fuzz
	scripts/sanitize $(VENV)/bin/python
	$(MAKE) counter-tests

sanitize: $(VENV)/ready ## Unit tests and the debug binary under AddressSanitizer
	@scripts/install-dependencies.sh build
	scripts/sanitize $(VENV)/bin/python

fuzz: ## Any bytes into every reader, FUZZ_SECONDS (300) for each
	@scripts/install-dependencies.sh build
	scripts/fuzz

bench: release $(VENV)/ready ## Events a second, latency and CPU beside nginx and a Python outbox
	@scripts/install-dependencies.sh bench
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt
	RELAY_BINARY=$(RELEASE) $(VENV)/bin/python Benchmarks/end_to_end.py

bench-parts: ## CPU time of rules, of inputs built to be slow, and of making a request
	@scripts/install-dependencies.sh build
	swift build -c release --static-swift-stdlib --product PartsBench
	.build/release/PartsBench rules --check
	.build/release/PartsBench hostile --check
	.build/release/PartsBench requests --check

install: ## Copy the built release, its schema and the units into $(DESTDIR)$(PREFIX)
	install -D -s -m 0755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/gruveo-relay
	install -D -m 0644 -t $(DESTDIR)/lib/systemd/system systemd/gruveo-relay.service systemd/gruveo-relay.socket
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/gruveo-relay Sources/GruveoRelay/routes.schema.json
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/gruveo-relay/presets Sources/GruveoRelay/Presets/*.json
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/doc/gruveo-relay README.md docs/*.md
	install -d -m 0755 $(DESTDIR)/etc/gruveo-relay
	install -d -m 0700 $(DESTDIR)/etc/gruveo-relay/credentials
	test -e $(DESTDIR)/etc/gruveo-relay/routes.json || \
	  install -m 0644 routes.example.json $(DESTDIR)/etc/gruveo-relay/routes.json

uninstall: ## Remove the program and its units; configuration and state stay
	rm -f $(DESTDIR)$(PREFIX)/bin/gruveo-relay
	rm -f $(addprefix $(DESTDIR)/lib/systemd/system/gruveo-relay.,service socket)
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/gruveo-relay $(DESTDIR)$(PREFIX)/share/gruveo-relay

clean:
	rm -rf .build .build-fuzz .build-asan .build-counter
