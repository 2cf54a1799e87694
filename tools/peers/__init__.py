"""./dev peers: smlp beside ONNX Runtime, OpenVINO and PyTorch, in one run on one machine.

Reading order: __main__.py (the run), catalog.py (who takes part), duel.py (how two are compared), worker.py and
backend_*.py (what runs in a peer's own process), table.py (what is written).
"""
