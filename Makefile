# make demo   from rendered faces to a cartoon generator, in a few minutes on two cores
# make test   the checks that every change must pass
# make clean  remove what these made

PYTHON ?= python3
BIN := .venv/bin
OUT := demo/out
DEMO_ITERATIONS ?= 1600

.PHONY: demo test clean

demo: .venv/ready
	@rm -rf $(OUT)
	$(BIN)/python -m scripts.render_faces --domain B --n 250 --seed 2 --out $(OUT)/cartoons
	$(BIN)/python prepare_data.py --out $(OUT)/cartoons.lmdb --size 64 $(OUT)/cartoons
	$(BIN)/python train.py --ckpt demo/source64.pt --freezeD 3 --freezeG 3 --augment --augment_p 0.2 --r1 0.1 \
	    --ema_decay 0.98 --lr 0.0025 --batch 8 --iter $(DEMO_ITERATIONS) --n_sample 24 --outdir $(OUT)/run $(OUT)/cartoons.lmdb
	$(BIN)/python -m scripts.generate --ckpt $(OUT)/run/checkpoints/00$(DEMO_ITERATIONS).pt --source demo/source64.pt \
	    --seeds 0-23 --columns 8 --outdir $(OUT)/faces
	@cp $(OUT)/faces/sheet.png $(OUT)/before_after.png
	@cp $(OUT)/run/progress.gif $(OUT)/progress.gif
	@echo "The same people as photos and as cartoons: $(OUT)/before_after.png, and how they changed: $(OUT)/progress.gif"

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

clean:
	rm -rf .venv $(OUT)

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1); name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing (Debian: apt install python3-venv)"; exit 1; }
	$(BIN)/pip install --quiet --requirement requirements.txt
	@touch $@

.venv/dev: .venv/ready pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@
