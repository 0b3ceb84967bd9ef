# make demo   from rendered faces to a cartoon generator, in a few minutes on two cores
# make test   the checks that every change must pass
# make test-oldest   what stands on torch, with the oldest versions that requirements.txt and pyproject.toml promise
# make gpu    on a machine with one: its tests, benchmarks and a training run; PYTHON names an environment that has torch
# make clean  remove what these made

PYTHON ?= python3
BIN := .venv/bin
OLDEST := .venv-oldest
OLDEST_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
OLDEST_TESTS ?= tests/op tests/augment tests/training tests/test_train.py tests/test_model.py
OUT := demo/out
DEMO_ITERATIONS ?= 1200
GPU_OUT := gpu-run
AT_ONCE ?= -n auto --maxprocesses 8 --dist worksteal  # tests compute with one thread each, so several run side by side
GPU_TESTS := $(addprefix tests/,op/test_kernels.py training/test_graphs.py augment/test_pipeline.py editing/test_latents.py)
PEERS ?=  # of gpu-bench, e.g. PEERS="--peer rosinality=DIR --peer ada=DIR"

.PHONY: demo test test-oldest gpu gpu-test gpu-bench gpu-train clean

demo: .venv/ready
	@rm -rf $(OUT)
	$(BIN)/python -m scripts.render_faces --domain B --n 250 --seed 2 --out $(OUT)/cartoons
	$(BIN)/python prepare_data.py --out $(OUT)/cartoons.lmdb --size 64 $(OUT)/cartoons
	$(BIN)/python train.py --ckpt demo/source64.pt --freezeD 3 --freezeG 3 --augment --augment_p 0.3 --r1 0.5 \
	    --ema_decay 0.98 --lr 0.002 --batch 8 --iter $(DEMO_ITERATIONS) --n_sample 24 --outdir $(OUT)/run $(OUT)/cartoons.lmdb
	@cp $$(ls $(OUT)/run/checkpoints/*.pt | tail -1) $(OUT)/cartoon64.pt
	$(BIN)/python -m scripts.generate --ckpt $(OUT)/cartoon64.pt --source demo/source64.pt \
	    --seeds 0-23 --columns 8 --outdir $(OUT)/faces
	@cp $(OUT)/faces/sheet.png $(OUT)/before_after.png
	@cp $(OUT)/run/progress.gif $(OUT)/progress.gif
	@echo "The same people as photos and as cartoons: $(OUT)/before_after.png, and how they changed: $(OUT)/progress.gif"

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest $(AT_ONCE)

test-oldest: $(OLDEST)/ready
	$(OLDEST)/bin/python -m pytest $(AT_ONCE) $(OLDEST_TESTS)

gpu: gpu-test gpu-bench gpu-train

gpu-test:
	$(PYTHON) -m pytest -m cuda $(GPU_TESTS)

gpu-bench:
	$(PYTHON) -m benchmarks.ops --device cuda --precision fp32 --repeats 20 $(PEERS)
	$(PYTHON) -m benchmarks.ops --device cuda --precision bf16 --repeats 20
	$(PYTHON) -m benchmarks.train_step --device cuda --size 256 --batch 16 --precision bf16 --repeats 4 $(PEERS)
	$(PYTHON) -m benchmarks.train_step --device cuda --size 256 --batch 16 --precision bf16 --repeats 4 --channel_base 16384 $(PEERS)

gpu-train:
	@rm -rf $(GPU_OUT)
	$(PYTHON) -m scripts.render_faces --domain B --n 64 --size 256 --seed 2 --out $(GPU_OUT)/cartoons
	$(PYTHON) train.py --device cuda --size 256 --batch 8 --iter 1 --n_sample 4 --outdir $(GPU_OUT)/start $(GPU_OUT)/cartoons
	$(PYTHON) train.py --device cuda --ckpt $(GPU_OUT)/start/checkpoints/000001.pt --freezeD 3 --freezeG 4 --augment --structure_loss 2 \
	    --batch 8 --iter 150 --n_sample 16 --outdir $(GPU_OUT)/run $(GPU_OUT)/cartoons
	$(PYTHON) train.py --device cuda --resume --outdir $(GPU_OUT)/run --iter 300

clean:
	rm -rf .venv $(OLDEST) $(OUT) $(GPU_OUT)

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1); name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing (Debian: apt install python3-venv)"; exit 1; }
	$(BIN)/pip install --quiet --requirement requirements.txt
	@touch $@

.venv/dev: .venv/ready pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

# The lower bounds are the pins, so the promise stands in one place. Python 3.11 is the oldest, too, and they have wheels for it.
$(OLDEST)/ready: requirements.txt pyproject.toml
	@$(OLDEST_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 is needed, $(OLDEST_PYTHON) is another; name it: make test-oldest OLDEST_PYTHON=/path/to/python3.11"; exit 1; }
	@rm -rf $(OLDEST)
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	sed 's/>=/==/' requirements.txt > $(OLDEST)/oldest.txt
	grep -oE '"(pytest|pytest-xdist|hypothesis)>=[0-9.]+' pyproject.toml | sed 's/"//; s/>=/==/' >> $(OLDEST)/oldest.txt
	$(OLDEST)/bin/pip install --quiet --requirement $(OLDEST)/oldest.txt
	@touch $@
