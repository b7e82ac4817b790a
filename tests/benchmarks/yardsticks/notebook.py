"""What the notebook does to see a model: loads it, prints it, loops over its parameters.

Prints the seconds of that, imports not included, for each line of input; and the peak memory in bytes.
"""

import resource
import sys
import time

from transformers import AutoModelForCausalLM, logging

logging.set_verbosity_error()
logging.disable_progress_bar()


def look(folder: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    print(model, file=sys.stderr)
    for name, parameter in model.named_parameters():
        print(name, parameter.shape, parameter.dtype, parameter.numel(), file=sys.stderr)


print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    look(sys.argv[1])
    taken = time.perf_counter() - start
    print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
