# make demo   from a network of faces to one of cartoons, and from photos to cartoons, in some minutes on two cores
#             make demo PHOTO=me.jpg TOONS=cartoons.zip takes your photos and your cartoons: a picture, a folder or a zip
# make explore   a page in the browser where faces are moved, on the networks of the demo
# make test   the checks that every change must pass
# make test-ui   the page in a real browser: needs Chromium (Debian: apt install chromium)
# make test-oldest   what stands on torch, with the oldest versions that requirements.txt and pyproject.toml promise
# make gpu    on a machine with one: its tests, benchmarks and a training run; PYTHON names an environment that has torch
# make clean  remove what these made

PYTHON ?= python3
BIN := .venv/bin
OLDEST := .venv-oldest
OLDEST_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
OLDEST_TESTS ?= tests/op tests/augment tests/training tests/test_train.py tests/test_model.py
OUT := demo/out
PHOTO ?=  # of people for the demo; without it those of demo/people
ALIGN ?=  # flags of scripts.align, where it does not find a face by itself: ALIGN="--eyes 205,102,247,104"
TOONS ?=  # that the demo learns from; without it rendered ones
DEMO_ITERATIONS ?= 850
DEMO_STEPS ?=  # of the search for a photo
DEMO_WRITES := photos cartoons cartoons.lmdb run cartoon64.pt faces cartoonized people.png photos.png
EXPLORED := $(or $(wildcard $(OUT)/cartoon64.pt),$(wildcard demo/toon64.pt),$(OUT)/cartoon64.pt)  # yours, else the shipped one
GPU_OUT := gpu-run
AT_ONCE ?= -n auto --maxprocesses 8 --dist worksteal  # tests compute with one thread each, so several run side by side
GPU_TESTS := $(addprefix tests/,op/test_kernels.py training/test_graphs.py augment/test_pipeline.py editing/test_latents.py editing/test_graphs.py)
GPU_RESULTS ?= benchmarks/results
GPU_STEP := --size 256 --batch 16 --precision bf16 --out $(GPU_RESULTS)
PEERS ?=  # of gpu-bench, e.g. PEERS="--peer rosinality=DIR --peer ada=DIR"

# One word for the shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'

.PHONY: demo explore test test-ui test-oldest gpu gpu-test gpu-bench gpu-train clean

# The rendered cartoons have their eyes where the photos have them, so coarse layers may stay and more of the person is kept.
# Photos and cartoons are read first, beside the results of the last demo: what cannot be used is said at once, and loses nothing.
demo: .venv/faces
	@rm -rf $(OUT)/new
	$(BIN)/python -m scripts.align $(ALIGN) --size 64 --out $(OUT)/new/photos $(call quoted,$(or $(PHOTO),demo/people)) || \
	    { echo 'make demo takes flags of it so: make demo PHOTO=me.jpg ALIGN="--eyes 205,102,247,104"' >&2; exit 1; }
	$(if $(TOONS),,$(BIN)/python -m scripts.render_faces --domain C --portraits --like_photos --n 250 --seed 2 --out $(OUT)/new/cartoons)
	$(BIN)/python prepare_data.py --size 64 --out $(OUT)/new/cartoons.lmdb $(call quoted,$(or $(TOONS),$(OUT)/new/cartoons))
	@cd $(OUT) && rm -rf $(DEMO_WRITES) && mv new/* . && rmdir new
	$(BIN)/python train.py --ckpt demo/photo64.pt --preset cartoon $(if $(TOONS),,--freezeG 3) --correlation_loss 8 \
	    --path_regularize 0 --lr 0.003 --augment_p 0.1 --ema_decay 0.993 --batch 8 --iter $(DEMO_ITERATIONS) --n_sample 24 \
	    --outdir $(OUT)/run $(OUT)/cartoons.lmdb
	@cp $$(ls $(OUT)/run/checkpoints/*.pt | tail -1) $(OUT)/cartoon64.pt
	$(BIN)/python -m scripts.generate --ckpt $(OUT)/cartoon64.pt --source demo/photo64.pt --truncation 0.7 --seeds 0-23 \
	    --outdir $(OUT)/faces
	$(BIN)/python -m scripts.cartoonize --source demo/photo64.pt --target $(OUT)/cartoon64.pt --no_align $(if $(DEMO_STEPS),--step $(DEMO_STEPS)) \
	    --outdir $(OUT)/cartoonized $(OUT)/photos/crops
	@cp $(OUT)/faces/sheet.png $(OUT)/people.png
	@cp $(OUT)/cartoonized/sheet.png $(OUT)/photos.png
	@echo "People and their cartoons: $(OUT)/people.png; photos and theirs: $(OUT)/photos.png; how they changed: $(OUT)/run/progress.gif"
	@echo "More photos: $(BIN)/python -m scripts.cartoonize --source demo/photo64.pt --target $(OUT)/cartoon64.pt me.jpg"

explore: .venv/faces .venv/ui $(EXPLORED)
	$(BIN)/python -m scripts.explore --open --seed 1 --ckpt $(EXPLORED) --source demo/photo64.pt $(if $(wildcard $(OUT)/run),--runs $(OUT)/run)

$(OUT)/cartoon64.pt:
	$(MAKE) demo

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest $(AT_ONCE) -m "not browser"

test-ui: .venv/browser
	$(BIN)/python -m pytest tests/explorer

test-oldest: $(OLDEST)/ready
	$(OLDEST)/bin/python -m pytest $(AT_ONCE) $(OLDEST_TESTS)

gpu: gpu-test gpu-bench gpu-train

gpu-test:
	$(PYTHON) -m pytest -m cuda $(GPU_TESTS)

gpu-bench:  # ours first: others may take long
	$(PYTHON) -m benchmarks.train_step --device cuda $(GPU_STEP) --alone
	$(PYTHON) -m benchmarks.train_step --device cuda $(GPU_STEP) --alone --channel_base 16384
	$(PYTHON) -m benchmarks.ops --device cuda --precision bf16 --repeats 20 --out $(GPU_RESULTS)
	$(PYTHON) -m benchmarks.ops --device cuda --precision fp32 --repeats 20 --out $(GPU_RESULTS) $(PEERS)
	$(PYTHON) -m benchmarks.train_step --device cuda $(GPU_STEP) --rounds 2 $(PEERS)
	$(PYTHON) -m benchmarks.train_step --device cuda $(GPU_STEP) --rounds 2 --channel_base 16384 $(PEERS)

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

.venv/faces .venv/dev .venv/ui .venv/browser: .venv/ready pyproject.toml
	$(BIN)/pip install --quiet --editable '.[$(@F)]'
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
