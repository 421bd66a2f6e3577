# The data pipeline as make rules: from what agents wrote on disk to training files.
#
#   raw/SOURCE -> samples -> scored -> kept -> unique [-> clean] -> splits/{train,val,test}
#     [-> train/balanced] [-> train/augmented] -> FORMAT/{train,val,test}
#
# `make pipeline` calls afs-pipeline. That takes the folder OUT for one run at a time, writes the stamps and
# makes the target `files` inside OUT: every name below is relative to it. A stage is one pipe into NAME.part,
# which is renamed after the whole pipe succeeded; NAME.summary.json and NAME.rejects.jsonl lie beside it
# (those of FORMAT/ outside, because loaders take every file of such a folder for data).
# It depends on .stamp/STAGE, which changes when its command line, its commands and what they use, the
# versions of Python and dependencies, or the logs and INPUT files that it reads have changed.
# `make -n pipeline` prints the stages that would run, and what each of them does.
# A new stage is one more rule of that shape, a new command one more row in the table of uses.
# GNU make 3.81 and bash 3.2 suffice.

SHELL := bash
.SUFFIXES:

# --- What may be set, as in `make pipeline AGENT_HOME=$HOME MIN_SCORE=.1` -------------------------------

# The home folder with the logs, and the folder for all files. Files from one's own logs do not mix with
# those from the examples. With INPUT alone no logs are read.
ifneq ($(origin AGENT_HOME),undefined)
OUT ?= training_data/pipeline-home
endif
OUT ?= training_data/pipeline
INPUT ?=
AGENT_HOME ?= $(if $(INPUT),,examples/home)
# Whose logs: by default all that have an exporter (afs-pipeline knows which). INPUT: more files of samples,
# quoted as in a shell.
exporters :=
SOURCES ?= $(if $(AGENT_HOME),$(exporters))
# The formats of afs-convert, the lowest score kept (empty: all are kept), the share of records that a
# stage may reject (a damaged line of a log, and a log that cannot be read, is named and stops nothing), what
# chance depends on, and how many stages run at a time.
FORMAT ?= openai alpaca
# Redaction: files of values that are known (or auto: what the account tells), and of further rules.
KNOWN ?=
RULES ?=
MIN_SCORE ?= 0.05
# Stages that run only if they are asked for. BENCHMARKS: files whose items no sample may hold. BALANCE and
# AUGMENT touch train alone: options of afs-rebalance, such as '--by domain --max 5000', and how many variants
# of a request are written.
BENCHMARKS ?=
BALANCE ?=
AUGMENT ?=
MAX_REJECT ?= .05
SEED ?= 42
JOBS ?= 1

# --- What each command uses of lib/afs; a change in it makes the stages of that command anew --------------

core := __init__.py cli.py jsonl.py messages.py output.py run.py sample.py
redact := redact/**
score := calibration damage ending language parses phrases profiles ranges refusal score signals stubs view
engine := __init__ clean conversation export listing noted read samples select state
exporter := config.py terminal.py $(engine:%=logs/%.py) $(redact)

afs-export-codex.uses := $(core) $(exporter) logs/codex/*.py
afs-export-claude.uses := $(core) $(exporter) logs/claude/*.py
afs-export-antigravity.uses := $(core) $(exporter) logs/antigravity/*.py logs/codex/*.py logs/sqlite.py
afs-export-gemini.uses := $(core) $(exporter) logs/chat.py logs/gemini/*.py
store := logs/chat.py logs/store/*.py
afs-export-memory.uses := $(core) $(exporter) $(store)
afs-export-history.uses := $(core) $(exporter) $(store)
afs-import-codex-history.uses := $(core) $(exporter) $(store) logs/codex/*.py
afs-redact.uses := $(core) config.py $(redact)
afs-validate.uses := $(core)
afs-score.uses := $(core) config.py curate/__init__.py $(score:%=curate/%.py) curate/calibration.tsv
filter := conditions language sift view where
afs-filter.uses := $(core) curate/__init__.py $(filter:%=curate/%.py)
screen := benchmark brief contamination screen sketch
afs-decontaminate.uses := $(core) curate/__init__.py $(screen:%=curate/%.py)
near := alike matches near outcome places rows sketch sorting spool unique
afs-dedupe.uses := $(core) curate/__init__.py $(near:%=curate/%.py)
parting := assign clusters leaks parting rows split spool
afs-split.uses := $(core) curate/__init__.py $(parting:%=curate/%.py)
afs-rebalance.uses := $(core) curate/__init__.py curate/balance.py curate/mixing.py curate/rows.py curate/split.py curate/spool.py
augment := language rows split spool view
afs-augment.uses := $(core) curate/__init__.py curate/augment/*.py $(augment:%=curate/%.py)
afs-convert.uses := $(core) converters/*.py

# --- The rules ------------------------------------------------------------------------------------------

# afs-pipeline sets these: stages to make whatever their times say, where to note a failure, and -q.
stale :=
failed :=
quiet :=

parts := train val test
raw := $(strip $(SOURCES:%=raw/%.jsonl) $(if $(INPUT),raw/input.jsonl))
unique := $(if $(BENCHMARKS),clean,unique).jsonl
# What train is converted from, and what it is augmented from.
balanced := $(if $(BALANCE),train/balanced.jsonl,splits/train.jsonl)
trained := $(if $(AUGMENT),train/augmented.jsonl,$(balanced))
converted := $(foreach format,$(FORMAT),$(parts:%=$(format)/%.jsonl))

quote = '$(subst ','\'',$(1))'
begin = set -euo pipefail;$(if $(failed), trap 'echo "$$? $(1)" >>$(failed)' ERR;)
redaction = $(if $(KNOWN), $(addprefix --known ,$(KNOWN)))$(if $(RULES), --rules $(RULES))
told = --summary $(1).summary.json --rejects $(1).rejects.jsonl$(if $(quiet), -q)
beside = $(call told,$(1)) --max-reject $(MAX_REJECT)

.PHONY: pipeline files force

pipeline: ## agents' logs to training files: AGENT_HOME= SOURCES= INPUT= OUT= FORMAT= KNOWN= RULES= MIN_SCORE= BENCHMARKS= BALANCE= AUGMENT= SEED= JOBS=
	+@$(afs) pipeline run

files: splits.summary.json $(converted)

$(SOURCES:%=raw/%.jsonl): raw/%.jsonl: .stamp/raw/%
	@# raw/$*: read what $* logged under the home, as far as it is new; secrets and personal data are redacted
	@$(call begin,raw/$*) \
	afs-export-$* --home $(call quote,$(AGENT_HOME))$(redaction) $(call told,raw/$*) \
	  --state raw/$*.state.json --reuse $@ -o $@.part; \
	mv -f $@.part $@

raw/input.jsonl: .stamp/raw/input
	@# raw/input: redact the files of INPUT
	@$(call begin,raw/input) \
	afs-redact $(INPUT)$(redaction) $(call beside,raw/input) \
	  -o $@.part; \
	mv -f $@.part $@

samples.jsonl: $(raw) .stamp/samples
	@# samples: bring all sources together; what is no training sample is rejected
	@$(call begin,samples) \
	afs-validate $(raw) $(call beside,samples) \
	  -o $@.part; \
	mv -f $@.part $@

scored.jsonl: samples.jsonl .stamp/scored
	@# scored: rate each sample from 0 to 1
	@$(call begin,scored) \
	afs-score samples.jsonl $(call beside,scored) \
	  -o $@.part; \
	mv -f $@.part $@

kept.jsonl: scored.jsonl .stamp/kept
	@# kept: drop samples without an answer, and those rated below MIN_SCORE
	@$(call begin,kept) \
	afs-filter$(if $(MIN_SCORE), --min-score $(MIN_SCORE)) --has output scored.jsonl $(call beside,kept) \
	  -o $@.part; \
	mv -f $@.part $@

unique.jsonl: kept.jsonl .stamp/unique
	@# unique: drop samples whose content stood before
	@$(call begin,unique) \
	afs-dedupe kept.jsonl $(call beside,unique) \
	  -o $@.part; \
	mv -f $@.part $@

clean.jsonl: unique.jsonl .stamp/clean
	@# clean: drop samples that hold an item of a benchmark
	@$(call begin,clean) \
	afs-decontaminate $(addprefix --against ,$(BENCHMARKS)) unique.jsonl $(call beside,clean) \
	  -o $@.part; \
	mv -f $@.part $@

# Three files from one pipe: its summary, renamed last, stands for them. A missing one makes all anew.
split := $(parts:%=splits/%.jsonl)
splits.summary.json: $(unique) .stamp/splits $(if $(filter-out $(wildcard $(split)),$(split)),force)
	@# splits: part into train, val and test; a conversation stays whole
	@$(call begin,splits) \
	afs-split --seed $(SEED) $(unique) $(subst $@,$@.part,$(call beside,splits)) \
	  -o splits.part; \
	mkdir -p splits; mv -f $(parts:%=splits.part/%.jsonl) splits; rmdir splits.part; \
	mv -f $@.part $@

train/balanced.jsonl: splits.summary.json .stamp/train/balanced
	@# train/balanced: give the groups of train their shares
	@$(call begin,train/balanced) \
	afs-rebalance $(BALANCE) --seed $(SEED) splits/train.jsonl $(call beside,train/balanced) \
	  -o $@.part; \
	mv -f $@.part $@

train/augmented.jsonl: $(filter train/%,$(balanced)) splits.summary.json .stamp/train/augmented
	@# train/augmented: variants of requests in train
	@$(call begin,train/augmented) \
	afs-augment --variants $(AUGMENT) --seed $(SEED) $(balanced) $(call beside,train/augmented) \
	  -o $@.part; \
	mv -f $@.part $@

$(filter %/train.jsonl,$(converted)): $(filter train/%,$(trained))
$(converted): %.jsonl: splits.summary.json .stamp/%
	@# $*: convert one part
	@$(call begin,$*) \
	afs-convert --format $(@D) $(if $(filter train.jsonl,$(@F)),$(trained),splits/$(@F)) $(call beside,$(subst /,-,$*)) \
	  -o $@.part; \
	mv -f $@.part $@

.stamp/%: ;
$(stale:%=.stamp/%): force
force:

# What afs-pipeline asks first: the values of the variables, and the table of uses.
ifeq ($(MAKECMDGOALS),settings)
asked := AGENT_HOME SOURCES INPUT OUT FORMAT KNOWN RULES MIN_SCORE BENCHMARKS BALANCE AUGMENT MAX_REJECT SEED JOBS $(filter %.uses,$(.VARIABLES))
$(foreach name,$(asked),$(info $(name)=$($(name))))
.PHONY: settings
settings: ;
endif
