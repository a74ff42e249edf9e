"""What a child process of confine.py can reach: tiers, each with what it stops. docs/sandbox.md lists both sides.

`tiers` chooses, `policy` says what a child may see, `launch` starts it, `watch` looks at it while it runs, `seal` is
what the child does to itself (`landlock`, `seccomp`), `bubblewrap` what is done around it.
"""
