# Everything Warmline needs is made by these few targets. Start with `make up`.

PYTHON ?= python3.11
HOUSE := .venv/bin
BOT := bot/.venv/bin
UV_VERSION := 0.13.9
export UV_NO_PROGRESS := 1

.PHONY: up test check bot evidence screens pins clean

## Install what is missing, train the bot if its sources changed, start everything.
up: $(HOUSE)/.ready $(BOT)/.ready
	@$(HOUSE)/warmline up

## All tests: ours on SQLite and PostgreSQL (decision 21), the bot's conversations, a real browser.
test: check $(BOT)/.ready
	@$(HOUSE)/python -m bot.training
	@$(HOUSE)/python -m tests.twilio_spec
	@sh tests/install_browser.sh
	$(HOUSE)/python -m bot.conversation_tests
	$(HOUSE)/pytest -n 2 --dist loadfile --no-loadscope-reorder

## Style, types, imports, and every text that can go out.
check: $(HOUSE)/.ready
	$(HOUSE)/ruff format --check .
	$(HOUSE)/ruff check .
	$(HOUSE)/mypy
	$(HOUSE)/lint-imports
	@$(HOUSE)/python -m gateway.authoring.content --brief
	@$(HOUSE)/python -m gateway.authoring.translations --check

## Check every text, train and test the bot alone.
bot: $(HOUSE)/.ready $(BOT)/.ready
	@$(HOUSE)/python -m gateway.authoring.content --brief
	@$(HOUSE)/python -m bot.training
	$(HOUSE)/python -m bot.conversation_tests

## Measure detection beside what is asked of it: make evidence EVAL=FOLDER. Writes docs/evidence.md.
evidence: $(HOUSE)/.ready $(BOT)/.ready
	@test -n "$(EVAL)" || { echo "Name the folder of the evaluation set: make evidence EVAL=FOLDER"; exit 1; }
	@$(HOUSE)/python -m gateway.authoring.evaluation $(EVAL)
	@echo "With Rasa stopped, crisis and requests reach a person as before:"
	$(HOUSE)/pytest tests/gateway/test_with_real_rasa.py

## Photograph every page, at 390 and 1280 pixels, light and dark, into var/screens.
screens: $(HOUSE)/.ready $(BOT)/.ready
	@$(HOUSE)/python -m bot.training
	@sh tests/install_browser.sh
	@$(HOUSE)/python -m tests.screens var/screens

$(HOUSE)/uv:
	@command -v $(PYTHON) > /dev/null || { echo "Warmline needs Python 3.11. Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making the environments. The first time this takes a few minutes."
	@$(PYTHON) -m venv .venv
	@$(HOUSE)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(HOUSE)/.ready: gateway/requirements.txt pyproject.toml | $(HOUSE)/uv
	@echo "Installing the house's packages (about 0.9 GB)."
	@$(HOUSE)/uv pip install --quiet --compile-bytecode --python .venv --no-deps --require-hashes -r gateway/requirements.txt
	@$(HOUSE)/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

$(BOT)/.ready: bot/requirements.txt | $(HOUSE)/.ready
	@echo "Installing the bot's packages, on Python 3.10 (about 2.5 GB)."
	@test -x $(BOT)/python || $(HOUSE)/uv venv --quiet --no-project --python 3.10 bot/.venv
	@$(HOUSE)/uv pip install --quiet --compile-bytecode --no-config --python bot/.venv --no-deps --require-hashes -r bot/requirements.txt
	@touch $@

## Pin every package again, with hashes, from pyproject.toml.
pins: $(HOUSE)/.ready
	$(HOUSE)/uv pip compile --quiet pyproject.toml --group dev --python-version 3.11 --generate-hashes --no-header --output-file gateway/requirements.txt
	$(HOUSE)/uv pip compile --quiet --group bot --python-version 3.10 --generate-hashes --no-header --output-file bot/requirements.txt

clean:
	rm -rf .venv bot/.venv bot/trained var
