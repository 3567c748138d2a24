# Everything Warmline needs is made by these few targets. Start with `make up`.

PYTHON ?= python3.11
HOUSE := .venv/bin
BOT := bot/.venv/bin
STOCK := var/benchmark/.venv/bin
ROUNDS ?= 5
UV_VERSION := 0.13.9
INSTALL := $(HOUSE)/python -m gateway.install
PIN = $(HOUSE)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header $(PINS)
# Set on many CI machines, this variable makes every process compile its imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test check audit bot evidence faults screens bench benchmark pins clean

## Install what is missing, train the bot if its sources changed, start everything.
up: $(HOUSE)/.ready $(BOT)/.ready
	@$(HOUSE)/warmline up

## All tests: ours on SQLite and PostgreSQL (decision 15), the bot's conversations, a real browser.
test: check $(BOT)/.ready
	@$(HOUSE)/python -m bot.training
	@$(HOUSE)/python -m tests.twilio_spec
	@sh tests/install_browser.sh
	$(HOUSE)/python -m bot.conversation_tests
	$(HOUSE)/pytest -n 2 --dist loadfile --no-loadscope-reorder

## Style, types, imports, and every text that can go out.
check: $(HOUSE)/.tested
	$(HOUSE)/ruff format --check .
	$(HOUSE)/ruff check .
	$(HOUSE)/bandit --quiet --configfile pyproject.toml --recursive bot escalation gateway models
	$(HOUSE)/mypy
	$(HOUSE)/lint-imports
	@$(HOUSE)/python -m gateway.authoring.checks --brief
	@$(HOUSE)/python -m gateway.authoring.translations --check
	@$(HOUSE)/python -m tests.asvs --check

## Ask OSV about known faults of the pinned packages. The command ends with 3 where the network refuses.
audit: $(HOUSE)/.tested
	@$(HOUSE)/python -m tests.audit

## Check every text, train and test the bot alone.
bot: $(HOUSE)/.tested $(BOT)/.ready
	@$(HOUSE)/python -m gateway.authoring.checks --brief
	@$(HOUSE)/python -m bot.training
	$(HOUSE)/python -m bot.conversation_tests

## Measure detection beside what is asked of it: make evidence EVAL=FOLDER. Writes docs/evidence.md.
evidence: $(HOUSE)/.tested $(BOT)/.ready
	@test -n "$(EVAL)" || { echo "Name the folder of the evaluation set: make evidence EVAL=FOLDER"; exit 1; }
	@$(HOUSE)/python -m gateway.authoring.evaluation $(EVAL)
	@echo "With Rasa stopped, crisis and requests reach a person as before:"
	$(HOUSE)/pytest tests/gateway/test_with_real_rasa.py

## Break everything while people write, on SQLite and on PostgreSQL: hours. FAULTS="--messages 200 ..." for less.
faults: $(HOUSE)/.tested $(BOT)/.ready
	@$(HOUSE)/python -m bot.training
	@$(HOUSE)/python -m tests.twilio_spec
	$(HOUSE)/python -m tests.faults $(FAULTS)
	$(HOUSE)/python -m tests.faults $(FAULTS) --postgres --gateways 2

## Photograph every page, at 390 and 1280 pixels, light and dark, into var/screens.
screens: $(HOUSE)/.tested $(BOT)/.ready
	@$(HOUSE)/python -m bot.training
	@sh tests/install_browser.sh
	@$(HOUSE)/python -m tests.screens var/screens

## Compare the whole line with the Rasa of `rasa init`, in alternating rounds: make bench ROUNDS=5.
bench: $(HOUSE)/.tested $(BOT)/.ready $(STOCK)/.ready
	@$(HOUSE)/python -m bot.training
	$(HOUSE)/python -m tests.bench --rounds $(ROUNDS)

## Compare the bot alone with Rasa's default pipeline, and write docs/evidence.md.
benchmark: $(HOUSE)/.ready $(BOT)/.ready $(STOCK)/.ready
	$(HOUSE)/python -m bot.benchmark

# Stock Rasa with TensorFlow (2 GB), in an environment of its own.
$(STOCK)/.ready: bot/requirements.txt bot/stock_rasa.txt | $(HOUSE)/uv
	@test -x $(STOCK)/python || $(PYTHON) -m venv --without-pip $(dir $(STOCK))
	@$(INSTALL) "Rasa for the comparison" $(dir $(STOCK)) bot/requirements.txt
	@$(HOUSE)/uv pip install --no-config --system-certs --python $(STOCK)/python --requirements bot/stock_rasa.txt
	@touch $@

$(HOUSE)/uv:
	@command -v $(PYTHON) > /dev/null || { echo "Warmline needs Python 3.11. Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making the environment"
	@$(PYTHON) -m venv .venv
	@$(HOUSE)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(HOUSE)/uv pip uninstall --quiet --python .venv pip setuptools

$(HOUSE)/.ready: gateway/requirements.txt pyproject.toml | $(HOUSE)/uv
	@$(INSTALL) "the gateway" .venv gateway/requirements.txt
	@$(HOUSE)/uv pip install --quiet --python .venv --no-deps --editable .
	@touch $@

$(HOUSE)/.tested: tests/requirements.txt $(HOUSE)/.ready
	@$(INSTALL) "the tools for development" .venv tests/requirements.txt
	@touch $@

$(BOT)/.ready: bot/requirements.txt | $(HOUSE)/uv
	@test -x $(BOT)/python || $(PYTHON) -m venv --without-pip bot/.venv
	@$(INSTALL) "the bot" bot/.venv bot/requirements.txt
	@touch $@

## Pin every package again, with hashes, from pyproject.toml. Add PINS=--upgrade for newer versions.
pins: $(HOUSE)/uv
	$(PIN) pyproject.toml --output-file gateway/requirements.txt
	$(PIN) --group dev --constraints gateway/requirements.txt --output-file tests/requirements.txt
	$(PIN) --group bot --output-file bot/requirements.txt

clean:
	rm -rf .venv bot/.venv bot/trained var
