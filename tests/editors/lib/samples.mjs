// A workspace as a user has it: models in folders, a script and a notebook that load them.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { REPOSITORY } from './browser.mjs';
import { PYTHON } from './codeServer.mjs';
import { run } from './processes.mjs';

/** An interpreter with torch and transformers, which the worker runs under. */
export const TORCH_PYTHON = process.env.MODEL_LOUPE_TORCH_PYTHON ?? join(REPOSITORY, '.venv-libraries/bin/python');

const SMALL = 'SMALL_CONFIG, small_gemma_tensors()';
// Gemma 2B's real shapes, as headers over sparse files: gigabytes that take no disk.
const FULL_SIZE = 'GEMMA_2B_CONFIG, gemma_2b_tensors(), shards=2';

const SCRIPT = `"""Load a model by its name."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model_name = "./small-gemma"
tokenizer = AutoTokenizer.from_pretrained(model_name)
model = AutoModelForCausalLM.from_pretrained(model_name, dtype=torch.bfloat16)

missing = AutoModelForCausalLM.from_pretrained("./no-such-model")
`;

const TWO_WAYS = `"""Two ways to load a model."""

from transformers import AutoModel, AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("./small-gemma")
backbone = AutoModel.from_pretrained("./small-gemma")

attention = model.model.layers[0].self_attn
`;

const CHAT = `"""Chat with Gemma in the terminal."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("google/gemma-2b-it")
model = AutoModelForCausalLM.from_pretrained(
    "google/gemma-2b-it",
    dtype=torch.float16,
    device_map="auto",
)


def answer(question: str) -> str:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], return_tensors="pt"
    )
    output = model.generate(prompt.to(model.device), max_new_tokens=200)
    return tokenizer.decode(output[0], skip_special_tokens=True)


while question := input("> "):
    print(answer(question))
`;

const CELLS = [
  ['markdown', '# A small Gemma'],
  ['code', 'notebook_model = "./small-gemma"'],
  ['code', 'from transformers import AutoModelForCausalLM'],
  ['code', 'model = AutoModelForCausalLM.from_pretrained(notebook_model)'],
];

/** Writes a checkpoint with the helpers that the server's tests use. */
export async function writeCheckpoint(folder, what) {
  const code =
    'import sys; from pathlib import Path; from tests.support.checkpoints import *; ' +
    `write_checkpoint(Path(sys.argv[1]), ${what})`;
  await run(PYTHON, ['-c', code, folder], { cwd: REPOSITORY });
}

/** Writes a checkpoint where huggingface_hub puts downloads, in the cache of this HF_HOME. */
async function writeToCache(hfHome, id, what) {
  const repository = join(hfHome, 'hub', `models--${id.replaceAll('/', '--')}`);
  const commit = createHash('sha1').update(id).digest('hex');
  mkdirSync(join(repository, 'refs'), { recursive: true });
  writeFileSync(join(repository, 'refs/main'), commit);
  await writeCheckpoint(join(repository, 'snapshots', commit), what);
}

/**
 * Makes two workspaces in a fresh folder: `folder` to test with, and `show`, whose model is in the Hugging Face
 * cache of `hfHome`. `remove()` takes all away.
 */
export async function makeWorkspace() {
  const home = mkdtempSync(join(tmpdir(), 'loupe-'));
  const folder = join(home, 'project');
  const show = join(home, 'gemma-chat');
  const hfHome = join(home, 'huggingface');
  await writeCheckpoint(join(folder, 'small-gemma'), SMALL);
  await writeToCache(hfHome, 'google/gemma-2b-it', FULL_SIZE);
  mkdirSync(show);
  writeFileSync(join(folder, 'sample.py'), SCRIPT);
  writeFileSync(join(show, 'chat.py'), CHAT);
  writeFileSync(join(folder, 'sample.ipynb'), JSON.stringify(notebook(CELLS), undefined, 1));
  return { folder, show, hfHome, remove: () => rmSync(home, { recursive: true, force: true }) };
}

/** As `makeWorkspace`, with a model that transformers builds, and a script that loads it in two ways. */
export async function makeBuildableWorkspace() {
  const home = mkdtempSync(join(tmpdir(), 'loupe-'));
  const folder = join(home, 'project');
  await writeSmallGemma(join(folder, 'small-gemma'));
  writeFileSync(join(folder, 'sample.py'), TWO_WAYS);
  return { folder, remove: () => rmSync(home, { recursive: true, force: true }) };
}

/** Writes the demo's model, with these fields of its config. */
export async function writeSmallGemma(folder, fields = {}) {
  const code = 'import sys; from model_loupe.demo import write_small_gemma; write_small_gemma(sys.argv[1])';
  await run(PYTHON, ['-c', code, folder]);
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), ...fields }));
}

/** Changes a setting of a workspace, as its user does in the editor of settings. */
export function writeSetting(workspace, name, value) {
  const path = join(workspace, '.vscode/settings.json');
  mkdirSync(dirname(path), { recursive: true });
  const others = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  writeFileSync(path, JSON.stringify({ ...others, [name]: value }));
}

function notebook(cells) {
  return {
    cells: cells.map(([kind, text], index) => ({
      cell_type: kind,
      id: `cell-${index}`,
      metadata: {},
      source: text.split(/(?<=\n)/),
      ...(kind === 'code' ? { execution_count: null, outputs: [] } : {}),
    })),
    metadata: {
      kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
      language_info: { name: 'python' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}
