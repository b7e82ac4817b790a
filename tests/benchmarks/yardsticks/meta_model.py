"""Builds a config's model on the meta device for each line of input, and prints the seconds that took.

Without input: builds and prints it once, to be timed as a whole process.
"""

import json
import sys
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM


def build(given: dict) -> torch.nn.Module:
    given = dict(given)
    config = AutoConfig.for_model(given.pop("model_type"), **given)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def main(path: str) -> None:
    with open(path) as file:
        given = json.load(file)
    given.pop("quantization_config", None)
    if sys.argv[2:] == ["once"]:
        print(build(given))
        return
    build(given)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        build(given)
        print(time.perf_counter() - start, flush=True)


main(sys.argv[1])
