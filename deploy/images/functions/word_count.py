"""The demo function where no C compiler is: the same answer as word_count.c."""

import hashlib
import json
import sys


def main() -> None:
    """Read the input and answer."""
    data = sys.stdin.buffer.read()
    answer = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "words": len(data.split())}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
