"""References in code as people write it: one snippet a case, the expected reference beside it.

``«…»`` marks the range of the argument that names the model; the expectation is
``model kind role argument`` (``-`` for no model), or nothing where there is no reference.
"""

from __future__ import annotations

import pytest

from model_loupe.documents import Reference, analyse_python

CASES: dict[str, list[tuple[str, str]]] = {
    "literals": [
        ("AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ('AutoModel.from_pretrained(«"google/gemma-2b-it"»)', "google/gemma-2b-it hub model pos0"),
        ("AutoModel.from_pretrained(«r'google/gemma-2b-it'»)", "google/gemma-2b-it hub model pos0"),
        ("AutoModel.from_pretrained(«'google/' 'gemma-2b'»)", "google/gemma-2b hub model pos0"),
        ("m = AutoModel.from_pretrained(\n    «'gpt2'»,\n)", "gpt2 hub model pos0"),
        ("é = 'ü'; AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("x = '😀'; AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("if x:\n\tAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("a = 1\r\nAutoModel.from_pretrained(«'gpt2'»)\r\n", "gpt2 hub model pos0"),
        ("print(AutoModel.from_pretrained(«'gpt2'»).config)", "gpt2 hub model pos0"),
        ("with f() as g:\n  AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("async def f():\n  await g(AutoModel.from_pretrained(«'gpt2'»))", "gpt2 hub model pos0"),
        ("xs = [AutoModel.from_pretrained(«'gpt2'») for _ in y]", "gpt2 hub model pos0"),
        ("f = lambda: AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
    ],
    "ranges": [
        ("s = 'naïve'; AutoModel.from_pretrained(«'modèle'»)", "modèle unknown model pos0"),
        ("x = '👩🏽‍🚀'; AutoModel.from_pretrained(«y»)", "- unknown model pos0"),
        ("'''é\n😀'''; AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(\n  # é 😀\n\t«'gpt2'», # ü\n)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«'google/'\n   'gemma'»)", "google/gemma hub model pos0"),
        ("AutoModel.from_pretrained(\r\n    «'gpt2'»,\r\n)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained((«'gpt2'»))", "gpt2 hub model pos0"),
        ("a = '\f'\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("a = '\u2028'\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("f(x)\\\n  .g(AutoModel.from_pretrained(«'gpt2'»))", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«'''gpt2'''»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«'gpt\\x32'»)", "gpt2 hub model pos0"),
        ("ü = 'gpt2'\nAutoModel.from_pretrained(«ü»)", "gpt2 hub model pos0"),
    ],
    "keywords": [
        (
            "AutoModel.from_pretrained(pretrained_model_name_or_path=«'gpt2'»)",
            "gpt2 hub model pretrained_model_name_or_path",
        ),
        (
            "FastLanguageModel.from_pretrained(model_name=«'a/b'», load_in_4bit=True)",
            "a/b hub model model_name",
        ),
        ("Llama.from_pretrained(repo_id=«'a/b-gguf'», filename='x.gguf')", "a/b-gguf hub model repo_id"),
    ],
    "roles": [
        ("AutoTokenizer.from_pretrained(«'gpt2'»)", "gpt2 hub tokenizer pos0"),
        ("GemmaTokenizerFast.from_pretrained(«'gpt2'»)", "gpt2 hub tokenizer pos0"),
        ("AutoProcessor.from_pretrained(«'a/b'»)", "a/b hub processor pos0"),
        ("AutoImageProcessor.from_pretrained(«'a/b'»)", "a/b hub processor pos0"),
        ("AutoFeatureExtractor.from_pretrained(«'a/b'»)", "a/b hub processor pos0"),
        ("AutoConfig.from_pretrained(«'a/b'»)", "a/b hub config pos0"),
        ("GenerationConfig.from_pretrained(«'a/b'»)", "a/b hub config pos0"),
        ("PeftModel.from_pretrained(base, «'me/lora'»)", "me/lora hub adapter pos1"),
        ("AutoPeftModelForCausalLM.from_pretrained(«'me/lora'»)", "me/lora hub model pos0"),
        ("StableDiffusionPipeline.from_pretrained(«'a/b'»)", "a/b hub model pos0"),
    ],
    "functions and classes": [
        ("pipeline('text-generation', «'gpt2'»)", "gpt2 hub pipeline pos1"),
        ("pipeline('text-generation', model=«'gpt2'»)", "gpt2 hub pipeline model"),
        ("pipeline(model=«'gpt2'»)", "gpt2 hub pipeline model"),
        ("«pipeline('sentiment-analysis')»", "- unknown pipeline task-only"),
        ("SentenceTransformer(«'all-MiniLM-L6-v2'»)", "all-MiniLM-L6-v2 hub model pos0"),
        ("CrossEncoder(«'cross-encoder/x'»)", "cross-encoder/x hub model pos0"),
        ("LLM(model=«'a/b'», dtype='half')", "a/b hub model model"),
        ("AsyncEngineArgs(model=«'a/b'»)", "a/b hub model model"),
        ("snapshot_download(«'a/b'»)", "a/b hub file pos0"),
        ("hf_hub_download(repo_id=«'a/b'», filename='c')", "a/b hub file repo_id"),
        ("huggingface_hub.snapshot_download(«'a/b'»)", "a/b hub file pos0"),
        ("safe_open(«'model.safetensors'», 'pt')", "model.safetensors local file pos0"),
        ("load_file(«'./model.safetensors'»)", "./model.safetensors local file pos0"),
        ("torch.load(«'pytorch_model.bin'»)", "pytorch_model.bin local file pos0"),
        ("load_checkpoint_and_dispatch(model, «'a/b'»)", "a/b hub file pos1"),
        ("load_checkpoint_and_dispatch(model, checkpoint=«'./x'»)", "./x local file checkpoint"),
        ("X.from_single_file(«'./x.safetensors'»)", "./x.safetensors local model pos0"),
        ("SFTTrainer(model=«'a/b'», args=a)", "a/b hub model model"),
        ("HuggingFaceEmbeddings(model_name=«'a/b'»)", "a/b hub model model_name"),
    ],
    "imports": [
        ("from vllm import LLM\nLLM(model=«name»)", "- unknown model model"),
        ("from vllm import LLM as L\nL(«'a/b'»)", "a/b hub model pos0"),
        ("from .models import AutoModel\nAutoModel.from_pretrained(«'a/b'»)", "a/b hub model pos0"),
        ("from .loading import pipeline\npipeline(model=«'a/b'»)", "a/b hub pipeline model"),
        ("from transformers import *\npipeline(model=«'a/b'»)", "a/b hub pipeline model"),
        ("import huggingface_hub as h\nh.hf_hub_download(«'a/b'»)", "a/b hub file pos0"),
        ("api = HfApi()\napi.snapshot_download(«'a/b'»)", "a/b hub file pos0"),
        ("HfApi().model_info(«'a/b'»)", "a/b hub file pos0"),
        (
            "try:\n  from transformers import pipeline\nexcept ImportError:\n  pipeline = None\n"
            "pipeline(model=«'a/b'»)",
            "a/b hub pipeline model",
        ),
        ("C = AutoTokenizer\nC.from_pretrained(«'a/b'»)", "a/b hub tokenizer pos0"),
        ("CLASSES['x'].from_pretrained(«'a/b'»)", "a/b hub model pos0"),
        ("def f():\n  from vllm import LLM\n  LLM(«'a/b'»)", "a/b hub model pos0"),
        ("from transformers import AutoModel as AM\nAM.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("import transformers as tf\ntf.AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        (
            "from transformers import AutoTokenizer as T\nT.from_pretrained(«'gpt2'»)",
            "gpt2 hub tokenizer pos0",
        ),
        ("from transformers import pipeline as pl\npl('x', «'gpt2'»)", "gpt2 hub pipeline pos1"),
        ("import torch as t\nt.load(«'a.pt'»)", "a.pt local file pos0"),
    ],
    "variables": [
        ("n = 'gpt2'\nAutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("n: str = 'gpt2'\nAutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("n = m = 'gpt2'\nAutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("n, k = 'gpt2', 3\nAutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("n = 'a'\nn = 'gpt2'\nAutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("n = 'gpt2'\nAutoModel.from_pretrained(«n»)\nn = 'other'", "gpt2 hub model pos0"),
        ("a = 'gpt2'\nb = a\nAutoModel.from_pretrained(«b»)", "gpt2 hub model pos0"),
        ("if (n := 'gpt2'):\n  AutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("N = 'gpt2'\ndef f():\n  return AutoModel.from_pretrained(«N»)", "gpt2 hub model pos0"),
        ("def f():\n  return AutoModel.from_pretrained(«N»)\nN = 'gpt2'", "gpt2 hub model pos0"),
        ("def f(n='gpt2'):\n  return AutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("def f(*, n='gpt2'):\n  return AutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("def f(n):\n  return AutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        ("n = 'x'\ndef f(n):\n  return AutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        (
            "class C:\n  def a(s):\n    s.n = 'gpt2'\n  def b(s):\n    AutoModel.from_pretrained(«s.n»)",
            "gpt2 hub model pos0",
        ),
        ("n = 'gpt'\nn += '2'\nAutoModel.from_pretrained(«n»)", "gpt2 hub model pos0"),
        ("n = n\nAutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        ("for n in ['gpt2', 'b']:\n  AutoModel.from_pretrained(«n»)", "b hub model pos0"),
        ("AutoModel.from_pretrained(«read_name()»)", "- unknown model pos0"),
        ("AutoModel.from_pretrained(«cfg['model']»)", "- unknown model pos0"),
    ],
    "scopes": [
        ("n = 'a'\ndef f():\n  n = 'b'\nAutoModel.from_pretrained(«n»)", "a hub model pos0"),
        ("n = 'a'\ndef f():\n  global n\n  n = 'b'\nAutoModel.from_pretrained(«n»)", "b hub model pos0"),
        ("n = 'a'\nn = n + '/b'\nAutoModel.from_pretrained(«n»)", "a/b hub model pos0"),
        ("def f():\n  n = 'a'\n  def g():\n    AutoModel.from_pretrained(«n»)", "a hub model pos0"),
        ("n = 'a'\nms = [AutoModel.from_pretrained(«n») for n in read()]", "- unknown model pos0"),
        ("ms = [AutoModel.from_pretrained(«n») for n in ('a', 'b')]", "b hub model pos0"),
        ("n = 'a'\nwith f() as n:\n  AutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        ("n = 'a'\nfrom names import n\nAutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        ("class C:\n  n = 'a'\n  def f(self):\n    AutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        ("for n, k in [('a', 1), ('b', 2)]:\n  AutoModel.from_pretrained(«n»)", "b hub model pos0"),
        ("n = 'a'\nif x:\n  n = None\nAutoModel.from_pretrained(«n»)", "a hub model pos0"),
        ("f = lambda n='a': AutoModel.from_pretrained(«n»)", "a hub model pos0"),
        ("try:\n  n = 'a'\nfinally:\n  AutoModel.from_pretrained(«n»)", "a hub model pos0"),
        ("match k:\n  case 1:\n    AutoModel.from_pretrained(«'a'»)", "a hub model pos0"),
    ],
    "attributes": [
        (
            "class C:\n  n = 'a'\n  def f(self):\n    AutoModel.from_pretrained(«self.n»)",
            "a hub model pos0",
        ),
        (
            "class C:\n  def __init__(self, n='a'):\n    self.n = n\n"
            "  def f(self):\n    AutoModel.from_pretrained(«self.n»)",
            "a hub model pos0",
        ),
        (
            "class A:\n  n = 'a'\nclass B:\n  n = 'b'\n  def f(self):\n"
            "    AutoModel.from_pretrained(«self.n»)\nclass D:\n  n = 'd'",
            "b hub model pos0",
        ),
        ("class C:\n  n = 'a'\nAutoModel.from_pretrained(«C.n»)", "a hub model pos0"),
        (
            "@dataclass\nclass C:\n  n: str = field(default='a')\nc = C()\nAutoModel.from_pretrained(«c.n»)",
            "a hub model pos0",
        ),
        (
            "class Args:\n  n: str = 'a'\ndef f(args: Args):\n  AutoModel.from_pretrained(«args.n»)",
            "a hub model pos0",
        ),
        ("c = ModelConfig(model='a/b')\nAutoModel.from_pretrained(«c.model»)", "a/b hub model pos0"),
        ("a = Args(output_dir='o')\nAutoModel.from_pretrained(«a.output_dir»)", "o written_here model pos0"),
        ("c.n = 'a'\nAutoModel.from_pretrained(«c.n»)", "a hub model pos0"),
        (
            "p.add_argument('--model-id', default='a/b')\nargs = p.parse_args()\n"
            "AutoModel.from_pretrained(«args.model_id»)",
            "a/b hub model pos0",
        ),
        (
            "p.add_argument('-m', dest='n', default='a/b')\nAutoModel.from_pretrained(«p.parse_args().n»)",
            "a/b hub model pos0",
        ),
        (
            "p.add_argument('--n')\na = p.parse_args()\nAutoModel.from_pretrained(«a.n»)",
            "- unknown model pos0",
        ),
    ],
    "items": [
        ("c = {'model': 'a/b'}\nAutoModel.from_pretrained(«c['model']»)", "a/b hub model pos0"),
        ("c = dict(model='a/b')\nAutoModel.from_pretrained(«c['model']»)", "a/b hub model pos0"),
        ("c = {}\nc['model'] = 'a/b'\nAutoModel.from_pretrained(«c['model']»)", "a/b hub model pos0"),
        ("c = ['a', 'b']\nAutoModel.from_pretrained(«c[1]»)", "b hub model pos0"),
        ("c = ['a', 'b']\nAutoModel.from_pretrained(«c[7]»)", "- unknown model pos0"),
        ("c = {'model': 'a/b', **more}\nAutoModel.from_pretrained(«c[k]»)", "a/b hub model pos0"),
    ],
    "calls of a helper": [
        ("def f(n):\n  AutoModel.from_pretrained(«n»)\nf('a')", "a hub model pos0"),
        ("def f(x, n):\n  AutoModel.from_pretrained(«n»)\nf(1, n='a')", "a hub model pos0"),
        ("def f(n):\n  AutoModel.from_pretrained(«n»)\nf('a')\nf('b')", "b hub model pos0"),
        ("def f(n):\n  AutoModel.from_pretrained(«n»)\nf(*names)", "- unknown model pos0"),
        ("def f(n):\n  f(n)\n  AutoModel.from_pretrained(«n»)", "- unknown model pos0"),
        (
            "class C:\n  def __init__(self, n):\n    AutoModel.from_pretrained(«n»)\nC('a')",
            "a hub model pos0",
        ),
        (
            "class C:\n  def load(self, n):\n    AutoModel.from_pretrained(«n»)\nC().load('a')",
            "a hub model pos0",
        ),
    ],
    "expressions": [
        ("o = 'google'\nAutoModel.from_pretrained(«f'{o}/gemma-2b'»)", "google/gemma-2b hub model pos0"),
        ("o = 'google'\nAutoModel.from_pretrained(«o + '/' + 'gemma'»)", "google/gemma hub model pos0"),
        ("AutoModel.from_pretrained(«f'{x}/gemma'»)", "- unknown model pos0"),
        ("o = 'a'\nAutoModel.from_pretrained(«'{}/b'.format(o)»)", "a/b hub model pos0"),
        ("o = 'a'\nAutoModel.from_pretrained(«'%s/b' % o»)", "a/b hub model pos0"),
        ("o = 'a'\nAutoModel.from_pretrained(«'%d/b' % o»)", "- unknown model pos0"),
        ("AutoModel.from_pretrained(«' a/b '.strip()»)", "a/b hub model pos0"),
        ("AutoModel.from_pretrained(«'a/b-it'.replace('-it', '')»)", "a/b hub model pos0"),
        ("AutoModel.from_pretrained(«os.path.join('x', '/m')»)", "/m local model pos0"),
        ("AutoModel.from_pretrained((«n := 'gpt2'»))", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«b'gpt2'»)", "- unknown model pos0"),
        ("AutoModel.from_pretrained(«f'a/{3:02d}'»)", "- unknown model pos0"),
        ("AutoModel.from_pretrained(«os.path.join('/m', 'gemma')»)", "/m/gemma local model pos0"),
        ("AutoModel.from_pretrained(«Path('/m') / 'gemma'»)", "/m/gemma local model pos0"),
        ("AutoModel.from_pretrained(«str(Path('/m/') / 'gemma')»)", "/m/gemma local model pos0"),
        ("AutoModel.from_pretrained(«'gpt2' if small else 'gpt2-xl'»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«os.environ.get('M', 'gpt2')»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«os.getenv('M', 'gpt2')»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«os.getenv('M')»)", "- unknown model pos0"),
        ("AutoModel.from_pretrained(«given or 'gpt2'»)", "gpt2 hub model pos0"),
    ],
    "kinds": [
        ("AutoModel.from_pretrained(«'./x'»)", "./x local model pos0"),
        ("AutoModel.from_pretrained(«'../x'»)", "../x local model pos0"),
        ("AutoModel.from_pretrained(«'/data/x'»)", "/data/x local model pos0"),
        ("AutoModel.from_pretrained(«'~/x'»)", "~/x local model pos0"),
        ("AutoModel.from_pretrained(«'C:/models/x'»)", "C:/models/x local model pos0"),
        ("AutoModel.from_pretrained(«'a/b/c'»)", "a/b/c local model pos0"),
        ("AutoModel.from_pretrained(«'your-username/model'»)", "your-username/model placeholder model pos0"),
        ("AutoModel.from_pretrained(«'path/to/model'»)", "path/to/model placeholder model pos0"),
        ("AutoModel.from_pretrained(«'path_to_model'»)", "path_to_model placeholder model pos0"),
        ("AutoModel.from_pretrained(«'insert-model-here'»)", "insert-model-here placeholder model pos0"),
        ("AutoModel.from_pretrained(«'<model>'»)", "<model> placeholder model pos0"),
        ("AutoModel.from_pretrained(«'two words'»)", "two words unknown model pos0"),
        ("AutoModel.from_pretrained(«''»)", " unknown model pos0"),
        ("m.save_pretrained('out')\nAutoModel.from_pretrained(«'out'»)", "out written_here model pos0"),
        ("m.save_pretrained('./out/')\nAutoModel.from_pretrained(«'out'»)", "out written_here model pos0"),
        ("a = Args(output_dir='o')\nAutoModel.from_pretrained(«'o/last'»)", "o/last written_here model pos0"),
        ("AutoModel.from_pretrained(«'/home/user/m'»)", "/home/user/m local model pos0"),
        ("AutoModel.from_pretrained(«'username/m'»)", "username/m placeholder model pos0"),
        (f"AutoModel.from_pretrained(«'{'a' * 97}'»)", f"{'a' * 97} unknown model pos0"),
        (f"AutoModel.from_pretrained(«'{'a' * 96}'»)", f"{'a' * 96} hub model pos0"),
        (
            "AutoModel.from_pretrained(«'https://huggingface.co/a/b'»)",
            "https://huggingface.co/a/b hub model pos0",
        ),
        (
            "a = TrainingArguments('out', report_to=None)\nAutoModel.from_pretrained(«'out'»)",
            "out written_here model pos0",
        ),
        (
            "a = trl.SFTConfig('me/out')\nAutoModel.from_pretrained(«'me/out/last'»)",
            "me/out/last written_here model pos0",
        ),
        ("a = Args(output_dir='out')\nAutoModel.from_pretrained(«'out'»)", "out written_here model pos0"),
        ("o = 'me/x'\nm.push_to_hub(o)\nAutoModel.from_pretrained(«o»)", "me/x written_here model pos0"),
    ],
    "no models": [
        ("pipeline = pipeline('ner', model='a/b')\npipeline('some text')", "a/b hub pipeline model"),
        ("def f(pipeline):\n  return pipeline('some text')", ""),
        ("class C:\n  def f(self):\n    return self.pipeline('some text')", ""),
        ("nlp = f()\nnlp.pipeline('some text')", ""),
        ("from sklearn.pipeline import pipeline\npipeline('x')", ""),
        ("from crewai import LLM\nLLM(model='gpt-4')", ""),
        ("class LLM: ...\nLLM(model='gpt-4')", ""),
        ("from modelscope import snapshot_download\nsnapshot_download('a/b')", ""),
        ("from modelscope import AutoModel\nAutoModel.from_pretrained('a/b')", ""),
        ("from numpy import load_file\nload_file('x.bin')", ""),
        ("load_dataset('glue')", ""),
        ("snapshot_download('a/b', repo_type='dataset')", ""),
        ("hf_hub_download('a/b', 'f', repo_type='space')", ""),
        ("pipe = pipeline\npipe('some text')", ""),
        ("pipeline = make()\npipeline('some text')", ""),
        ("client = OpenAI()\nclient.chat(model='gpt-4')", ""),
        ("SFTTrainer(model=model)", ""),
        ("LLM(engine)", ""),
        ("torch.load(buffer)", ""),
        ("json.load('x.json')", ""),
        ("AutoModel.from_pretrained()", ""),
        ("AutoModel.from_pretrained(*args)", ""),
        ("'AutoModel.from_pretrained(1)'", ""),
        ("# AutoModel.from_pretrained('gpt2')", ""),
    ],
    "more libraries": [
        ("from trl import GRPOTrainer\nGRPOTrainer(model=«'a/b'», args=a)", "a/b hub model model"),
        ("GRPOTrainer(model=«args.model_name_or_path»)", "- unknown model model"),
        ("DPOTrainer(«'a/b'», ref)", "a/b hub model pos0"),
        (
            "from unsloth import FastLanguageModel\nm, t = FastLanguageModel.from_pretrained(\n"
            "  model_name = «'unsloth/llama'», max_seq_length = 2048)",
            "unsloth/llama hub model model_name",
        ),
        (
            "from sagemaker.huggingface import HuggingFaceModel\n"
            "HuggingFaceModel(env=«{'HF_TASK': 't', 'OTHER': 'a/b'}», role=r)",
            "- unknown endpoint env",
        ),
        (
            "from sagemaker.huggingface import HuggingFaceModel\n"
            "hub = dict(HF_MODEL_ID='a/b')\nHuggingFaceModel(env=«hub», role=r)",
            "a/b hub endpoint env",
        ),
        ("hub = get()\n«HuggingFaceModel(model_data=x)»", "- unknown endpoint none"),
        ("from bertopic import BERTopic\nBERTopic(embedding_model=«'a/b'»)", "a/b hub model embedding_model"),
        ("BERTopic(embedding_model=«encoder»)", "- unknown model embedding_model"),
        ("«SentenceTransformer(modules=[a, b])»", "- unknown model none"),
        (
            "from sentence_transformers import models\nmodels.Transformer(«'bert-base-uncased'»)",
            "bert-base-uncased hub model pos0",
        ),
        (
            "from langchain_huggingface import HuggingFacePipeline as P\nP.from_model_id(model_id=«'a/b'»)",
            "a/b hub model model_id",
        ),
        ("HuggingFaceEndpoint(repo_id=«'a/b'»)", "a/b hub endpoint repo_id"),
        ("«HuggingFaceEmbeddings()»", "- unknown model none"),
        (
            "from llama_index.embeddings.huggingface import HuggingFaceEmbedding\n"
            "HuggingFaceEmbedding(model_name=«'a/b'»)",
            "a/b hub model model_name",
        ),
        ("HuggingFaceLLM(model_name=«'a/b'», tokenizer_name='c/d')", "a/b hub model model_name"),
        ("LlamaCpp(model_path=«'m.gguf'», n_ctx=1)", "m.gguf local file model_path"),
        ("pipe.load_lora_weights(«'a/b'», weight_name='x')", "a/b hub adapter pos0"),
        ("pipe.load_lora_weights(state_dict)", ""),
        ("model.load_adapter(«'a/b'», adapter_name='x')", "a/b hub adapter pos0"),
        ("SetFitModel.from_pretrained(«'a/b'»)", "a/b hub model pos0"),
        ("AutoGPTQForCausalLM.from_quantized(«'a/b'»)", "a/b hub model pos0"),
        ("from mlx_lm import load\nload(«'a/b'»)", "a/b hub model pos0"),
        ("from json import load\nload('a/b')", ""),
        ("from FlagEmbedding import FlagReranker\nFlagReranker(«'a/b'»)", "a/b hub model pos0"),
        ("KeyBERT(embedder)", ""),
        ("AutoModel.from_pretrained(«'a/b-GGUF'», gguf_file='x.gguf')", "a/b-GGUF hub model pos0"),
        ("EulerDiscreteScheduler.from_pretrained(«'a/b'», subfolder='s')", "a/b hub config pos0"),
        ("tokenizer_class.from_pretrained(«'a/b'»)", "a/b hub tokenizer pos0"),
        ("list_repo_files(«'a/b'»)", "a/b hub file pos0"),
        ("from efficientnet_pytorch import E\nE.from_pretrained('efficientnet-b0')", ""),
    ],
    "libraries beside transformers": [
        ("from trl.experimental.gold import GOLDTrainer\nGOLDTrainer(model=«'a/b'»)", "a/b hub model model"),
        (
            "from smolagents import TransformersModel\nTransformersModel(model_id=«'a/b'»)",
            "a/b hub model model_id",
        ),
        ("from smolagents import InferenceClientModel\nInferenceClientModel(model_id='a/b')", ""),
        ("from huggingface_hub import InferenceClient\nInferenceClient('a/b')", ""),
        ("from distilabel.llms import vLLM\nvLLM(model=«'a/b'»)", "a/b hub model model"),
        ("from fastembed import TextEmbedding\nTextEmbedding(«'a/b'»)", "a/b hub model pos0"),
        (
            "from lmdeploy import pipeline\npipeline(«'a/b'», backend_config=c)",
            "a/b hub model pos0",
        ),
        ("import sglang as sgl\nsgl.Engine(model_path=«'a/b'»)", "a/b hub model model_path"),
        ("from mlx_vlm import load\nm, p = load(«'a/b'»)", "a/b hub model pos0"),
        ("StaticEmbedding.from_model2vec(«'a/b'»)", "a/b hub model pos0"),
        ("SparseEncoder(modules=[MLMTransformer(«'a/b'»), pooling])", "a/b hub model pos0"),
        ("FARMReader(model_name_or_path=«'a/b'»)", "a/b hub model model_name_or_path"),
        ("nn.Embedding.from_pretrained(weights)", ""),
        ("torch.nn.EmbeddingBag.from_pretrained(weights, freeze=True)", ""),
        ("Ollama(model='mistral')", ""),
        ("from langchain_openai import ChatOpenAI\nChatOpenAI(model='gpt-4o')", ""),
    ],
    "addresses on the Hub": [
        (
            "P.from_single_file(«'https://huggingface.co/a/b/blob/main/x.safetensors'»)",
            "https://huggingface.co/a/b/blob/main/x.safetensors hub model pos0",
        ),
        (
            "P.from_single_file(«'https://example.com/x.safetensors'»)",
            "https://example.com/x.safetensors unknown model pos0",
        ),
        (
            "AutoModel.from_pretrained(«'https://huggingface.co/datasets/a/b'»)",
            "https://huggingface.co/datasets/a/b unknown model pos0",
        ),
        ("!git clone «git@hf.co:a/b»", "a/b hub file pos0"),
    ],
    "marimo cells": [
        (
            "@app.cell\ndef _():\n    n = 'a/b'\n    return (n,)\n\n@app.cell(hide_code=True)\n"
            "def _(n):\n    AutoModel.from_pretrained(«n»)",
            "a/b hub model pos0",
        ),
        (
            "@app.function\ndef f(n):\n    AutoModel.from_pretrained(«n»)",
            "- unknown model pos0",
        ),
    ],
    "shell lines in quotes": [
        ("get_ipython().system('hf download «a/b»')", "a/b hub file pos1"),
        ("é = 1; os.system('vllm serve «a/b» --port 1')", "a/b hub model pos1"),
        ('subprocess.run("huggingface-cli download «a/b»", shell=True)', "a/b hub file pos1"),
        ("n = 'a/b'\nget_ipython().system('hf download «$n»')", "a/b hub file pos1"),
        ("os.system('ls')", ""),
        ("os.system('hf\\x20download a/b')", ""),
    ],
    "files of weights": [
        ("from safetensors.torch import load_file\nload_file(«path»)", "- unknown file pos0"),
        ("from safetensors.torch import load_file\nload_file(«'a.st'»)", "a.st hub file pos0"),
        (
            "import safetensors\nsafetensors.torch.load_file(«'x.safetensors'»)",
            "x.safetensors local file pos0",
        ),
        ("load_file('data.csv')", ""),
        ("load_file(path)", ""),
        ("from mine import load_file\nload_file('x.safetensors')", ""),
        ("torch.load('embeddings.npy')", ""),
        ("d = 'out'\ntorch.load(«f'{d}/x.pt'»)", "out/x.pt local file pos0"),
        ("def load_file(p): ...\nload_file('x.bin')", ""),
    ],
    "what the code writes": [
        (
            "def save(m, p):\n  m.save_pretrained(p)\ndef load(p):\n  AutoModel.from_pretrained(«p»)",
            "- written_here model pos0",
        ),
        ("m.save('out')\nSentenceTransformer(«'out'»)", "out written_here model pos0"),
        (
            "p = snapshot_download('a/b', local_dir='d')\nAutoModel.from_pretrained(«p»)",
            "d written_here model pos0",
        ),
        ("AutoModel.from_pretrained(«args.output_dir»)", "- written_here model pos0"),
        ("c = {'output_dir': 'out'}\nAutoModel.from_pretrained(«'out'»)", "out written_here model pos0"),
        (
            "m.push_to_hub(repo_id='me/x')\nAutoModel.from_pretrained(«'me/x'»)",
            "me/x written_here model pos0",
        ),
        (
            "snapshot_download('a/b', local_dir='here')\nAutoModel.from_pretrained(«'here'»)",
            "here written_here model pos0",
        ),
        (
            "m.save_pretrained_merged('out', t)\nAutoModel.from_pretrained(«'out'»)",
            "out written_here model pos0",
        ),
        (
            "for s in ('a', 'b'):\n  m.save_pretrained(f'out-{s}')\nAutoModel.from_pretrained(«'out-a'»)",
            "out-a written_here model pos0",
        ),
    ],
    "shell": [
        ("!hf download «a/b»", "a/b hub file pos1"),
        ("!huggingface-cli download «a/b» model.safetensors --revision x", "a/b hub file pos1"),
        ("!huggingface-cli download --quiet «a/b» --local-dir d", "a/b hub file pos1"),
        ("!hf download a/b --repo-type dataset", ""),
        ("!hf download --repo-type=space a/b", ""),
        ("!vllm serve «'a/b'» --port 8000", "a/b hub model pos1"),
        ("vllm serve «a/b»", "a/b hub model pos1"),
        ("x = 1\nhf download «a/b»\ny = 2", "a/b hub file pos1"),
        ("n = 'a/b'\n!hf download «{n}»", "a/b hub file pos1"),
        ("n = 'a/b'\n!hf download «$n» --force-download", "a/b hub file pos1"),
        ("!hf download «{n}»", "- unknown file pos1"),
        ("%%bash\npip install x\nhf download «a/b»", "a/b hub file pos1"),
        ("!cd x && CUDA_VISIBLE_DEVICES=0 vllm serve «a/b» &", "a/b hub model pos1"),
        ("!vllm serve \\\n  «a/b» \\\n  --dtype half", "a/b hub model pos1"),
        ("!python -m vllm.entrypoints.api_server --model «a/b»", "a/b hub model model"),
        ("!python run_clm.py --model_name_or_path «gpt2» --do_train", "gpt2 hub model model_name_or_path"),
        ("!trl sft --model_name_or_path=«a/b»", "a/b hub model model_name_or_path"),
        ("!python train.py --model resnet50", ""),
        ("!git clone «https://huggingface.co/a/b»", "a/b hub file pos0"),
        ("!git clone https://huggingface.co/datasets/a/b", ""),
        ("!git clone https://github.com/a/b", ""),
        ("!ollama run llama3", ""),
        ("!ollama pull a/b --model a/b", ""),
        ("!accelerate estimate-memory «a/b»", "a/b hub model pos1"),
        ("!pip install a/b", ""),
        ("# !hf download a/b", ""),
        ("'''\n!hf download a/b\n'''", ""),
    ],
    "settings in dicts": [
        ("env = {'HF_MODEL_ID': «'gpt2'»}", "gpt2 hub setting HF_MODEL_ID"),
        ("env = {'HF_MODEL_ID': «name»}", "- unknown setting HF_MODEL_ID"),
        ("c = {'model_name_or_path': «'gpt2'»}", "gpt2 hub setting model_name_or_path"),
        ("c = {'a': 1, 'model_id': «'a/b'»}", "a/b hub setting model_id"),
        ("n = 'a/b'\nc = {'model_id': «n»}", "a/b hub setting model_id"),
        ("c = {'model_id': '1234'}", ""),
        ("c = {'model_name': 'gpt-4o'}", ""),
        ("c = {'model_id': row.id}", ""),
        ("c = {'model_name_or_path': './x'}", ""),
        ("c = {'model': 'a/b'}", ""),
        ("c = {'dataset_id': 'a/b'}", ""),
    ],
    "being typed": [
        ("m = AutoModel.from_pretrained(«'a/b'»", "a/b hub model pos0"),
        ("m = AutoModel.from_pretrained(«'a/b'»,", "a/b hub model pos0"),
        ("m = AutoModel.from_pretrained(«'a/b'», dtype=", "a/b hub model pos0"),
        ("m = AutoModel.from_pretrained(«'a/b'», dtype=torch.", "a/b hub model pos0"),
        ("m = AutoModel.from_pretrained(«'a/b'», x=(1, [2", "a/b hub model pos0"),
        ("m = AutoModel.from_pretrained(«'a/b'», revision='v\nn = 1", "a/b hub model pos0"),
        ("m = AutoModel.from_pretrained(\n  «'a/b'»,\n  x=1,\ny = 2", "a/b hub model pos0"),
        ("def f():\n  m = AutoModel.from_pretrained(«'a/b'»,\n  x = 1", "a/b hub model pos0"),
        (
            "def f():\n  m = AutoModel.from_pretrained(\n    «'a/b'»,\n    dtype=\n  x = 1\n  return m",
            "a/b hub model pos0",
        ),
        ("n = 'a/b'\nm = AutoModel.from_pretrained(«n»\nprint(m)", "a/b hub model pos0"),
        ("AutoModel.from_pretrained(", ""),
        ("x = [1, 2\nAutoModel.from_pretrained(«'a/b'»)", "a/b hub model pos0"),
    ],
    "not quite Python": [
        ("%time m = AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("if x:\n    %time m = AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("%%capture out\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("%%html\n<a>AutoModel.from_pretrained('gpt2')</a>", ""),
        ("%%writefile a.py\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("%%writefile a.sh\nAutoModel.from_pretrained('gpt2')", ""),
        ("?model\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("files = %sql select 1\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("if x:\n    !ls\n    AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("if x:\n\t!ls\n\tAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«'gpt2'»)\nx = '''never closed\ny = 1", "gpt2 hub model pos0"),
        ("p = '''\nDear (you,\n'''\nx =\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("p = '''\nAutoModel.from_pretrained('gpt2')\n'''\nx =", ""),
        ("x =\nAutoModel.from_pretrained(\n«'gpt2'»,\n)", "gpt2 hub model pos0"),
        ("def f():\n  x = (\n\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("try:\n  x = 1\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("  x = 1\n y = 2\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("x = model.\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«'gpt2'»)\nmodel(", "gpt2 hub model pos0"),
        (
            "class C:\n  def f(self:\n  def g(self):\n    AutoModel.from_pretrained(«'a'»)",
            "a hub model pos0",
        ),
        ("x = 1\0\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("x = '\ud800'\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("x = '\ud800'; AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("if x:\n\ta = 1\n        b = 2\n\tAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("git clone x\ncd x\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("\n\n\nx = = 1\nAutoModel.from_pretrained(«'gpt2'»)\ny = = 1", "gpt2 hub model pos0"),
        ("x = = 1\n" * 60 + "AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("x = = 1\n" * 600 + "AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("%pip install x\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("!pip install x\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("pip install -q x\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("!pip install \\\n   x y\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("%%time\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("%%bash\nAutoModel.from_pretrained('gpt2')", ""),
        ("x = !ls\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("model?\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("x = (1,\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("def f(:\n  pass\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("AutoModel.from_pretrained(«'gpt2'»)\nfor x in", "gpt2 hub model pos0"),
        ("def f():\n  x = \n  AutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
        ("print 'python 2'\nAutoModel.from_pretrained(«'gpt2'»)", "gpt2 hub model pos0"),
    ],
}
FLAT = [
    (f"{group}: {snippet[:90]!r}", snippet, expected)
    for group, cases in CASES.items()
    for snippet, expected in cases
]


def marked(snippet: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """The snippet without its marks, and the range between them."""
    if "«" not in snippet:
        return snippet, None
    before, rest = snippet.split("«")
    inside, _ = rest.split("»")
    line, end_line = before.count("\n"), before.count("\n") + inside.count("\n")
    column = len(before) - before.rfind("\n") - 1
    end_column = column + len(inside) if line == end_line else len(inside) - inside.rfind("\n") - 1
    return snippet.replace("«", "").replace("»", ""), (line, column, end_line, end_column)


def text_of(reference: Reference) -> str:
    model = "-" if reference.model is None else reference.model
    return f"{model} {reference.kind} {reference.role} {reference.argument}"


def test_there_are_enough_cases() -> None:
    assert len(FLAT) >= 300


@pytest.mark.parametrize(("snippet", "expected"), [case[1:] for case in FLAT], ids=[case[0] for case in FLAT])
def test_reference(snippet: str, expected: str) -> None:
    code, span = marked(snippet)
    # A loop over several names is several references; the last stands for them.
    found = analyse_python(code).references
    assert [text_of(reference) for reference in found][-1:] == ([expected] if expected else [])
    if span:
        assert tuple(found[-1].span) == span


KWARGS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "literals": [
        ("AutoModel.from_pretrained('gpt2')", {}),
        ("AutoModel.from_pretrained('gpt2', revision='main')", {"revision": "'main'"}),
        ("AutoModel.from_pretrained('gpt2', num_labels=3, x=None)", {"num_labels": "3", "x": "None"}),
        (
            "AutoModel.from_pretrained(pretrained_model_name_or_path='gpt2', dtype='auto')",
            {"dtype": "'auto'"},
        ),
        ("AutoModel.from_pretrained(\n  'gpt2',\n  dtype = 'auto', # é\n)", {"dtype": "'auto'"}),
    ],
    "expressions": [
        ("AutoModel.from_pretrained('gpt2', torch_dtype=torch.half)", {"torch_dtype": "torch.half"}),
        ("AutoModel.from_pretrained('gpt2', device_map={'': 0})", {"device_map": "{'': 0}"}),
        (
            "AutoModel.from_pretrained('gpt2', quantization_config=B(load_in_4bit=True))",
            {"quantization_config": "B(load_in_4bit=True)"},
        ),
        ("AutoModel.from_pretrained('gpt2', x='é' + '😀', y=1)", {"x": "'é' + '😀'", "y": "1"}),
    ],
    "unpacked": [
        ("AutoModel.from_pretrained('gpt2', **more, y=1)", {"**": "more", "y": "1"}),
        (
            "kw = {'dtype': 'auto', 'y': 2}\nAutoModel.from_pretrained('gpt2', **kw, y=1)",
            {"dtype": "'auto'", "y": "1"},
        ),
        (
            "kw = dict(torch_dtype=torch.half)\nAutoModel.from_pretrained('gpt2', **kw)",
            {"torch_dtype": "torch.half"},
        ),
        ("AutoModel.from_pretrained('gpt2', **{'revision': 'x'})", {"revision": "'x'"}),
        (
            "kw = {}\nif x:\n  kw = {'dtype': 'auto'}\nAutoModel.from_pretrained('gpt2', **kw)",
            {"**": "kw"},
        ),
        ("kw = {'a': 1, **more}\nAutoModel.from_pretrained('gpt2', **kw)", {"**": "kw"}),
        ("kw = {'a': 1}\nkw['b'] = 2\nAutoModel.from_pretrained('gpt2', **kw)", {"**": "kw"}),
        ("kw = {'a': 1}\nkw.update(b=2)\nAutoModel.from_pretrained('gpt2', **kw)", {"**": "kw"}),
        (
            "kw = dict(model_id='gpt2', dtype=d)\nAutoModel.from_pretrained(**kw, x=1)",
            {"dtype": "d", "x": "1"},
        ),
    ],
    "other calls": [
        ("PeftModel.from_pretrained(base, 'a/b', adapter_name='x')", {"adapter_name": "'x'"}),
        ("pipeline('t', model='gpt2', device=0)", {"device": "0"}),
        ("pipeline('t', device=0)", {"device": "0"}),
        ("LLM('a/b', tensor_parallel_size=2)", {"tensor_parallel_size": "2"}),
        ("hf_hub_download('a/b', filename='c')", {"filename": "'c'"}),
        ("SFTTrainer(model='a/b', args=a)", {"args": "a"}),
        ("AutoModel.from_pretrained('a/b', gguf_file='x.gguf')", {"gguf_file": "'x.gguf'"}),
    ],
    "commands": [
        ("!hf download a/b --revision x -q", {"revision": "'x'"}),
        ("!vllm serve a/b --dtype=half --port 8000", {"dtype": "'half'", "port": "'8000'"}),
    ],
}


@pytest.mark.parametrize(
    ("code", "kwargs"),
    [case for cases in KWARGS.values() for case in cases],
    ids=[f"{group}: {code[:80]!r}" for group, cases in KWARGS.items() for code, _ in cases],
)
def test_the_other_arguments_of_a_call(code: str, kwargs: dict[str, str]) -> None:
    assert analyse_python(code).references[0].kwargs == kwargs


def test_keyword_arguments_are_kept_as_written() -> None:
    code = "AutoModel.from_pretrained('gpt2', torch_dtype=torch.bfloat16, device_map = 'auto', x=f(\n 1))"
    (found,) = analyse_python(code).references
    assert found.kwargs == {"torch_dtype": "torch.bfloat16", "device_map": "'auto'", "x": "f(\n 1)"}
    assert found.callee == "AutoModel.from_pretrained"
    assert tuple(found.call) == (0, 0, 1, 4)


def test_confidence_falls_with_every_assumption() -> None:
    code = (
        "n = 'gpt2'\nAutoModel.from_pretrained('gpt2')\nAutoModel.from_pretrained(n)\n"
        "AutoModel.from_pretrained(os.getenv('M', n))\nAutoModel.from_pretrained(y())"
    )
    confidences = [found.confidence for found in analyse_python(code).references]
    assert confidences[0] == 1.0
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[-1] == 0.0
