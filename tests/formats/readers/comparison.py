"""What a library finds in files, and where our readers find something else."""

import subprocess

import numpy as np


class Expected:
    """What the library finds: `tensors` as (container, name, shape, float32 values), `array` as (shape, values,
    integers or None), or `refused`. `may_refuse`: parts of messages with which we may refuse what the library reads."""

    def __init__(self, tensors=None, array=None, refused=None, may_refuse=()):
        self.tensors, self.array, self.refused, self.may_refuse = tensors, array, refused, may_refuse


class Files:
    """The files of one run of the tool, and what is expected of each. `count`: how many checkpoints are drawn."""

    def __init__(self, folder, count):
        self.folder, self.count, self.expected = folder, count, {}

    def path(self, name):
        return self.folder / name

    def add(self, name, expected):
        self.expected[str(self.folder / name)] = expected


def floats(hexadecimal):
    return np.frombuffer(bytes.fromhex(hexadecimal), "<f4")


def same(got, wanted):
    """Bit for bit; of NaN only that it is one, since conversions may change its payload."""
    wanted = np.asarray(wanted, "<f4").reshape(-1)
    if got.shape != wanted.shape:
        return False
    return bool(np.all((got.view("<u4") == wanted.view("<u4")) | (np.isnan(got) & np.isnan(wanted))))


def read_all(tool, paths):
    """path -> rows of the tool's answer."""
    done = subprocess.run([str(tool)], input="".join(f"{p}\n" for p in paths), capture_output=True, text=True,
                          errors="replace", check=True)
    found, rows = {}, None
    for line in done.stdout.splitlines():
        kind, *fields = line.split("\t")
        if kind == "F":
            rows = found.setdefault(fields[0], [])
        else:
            rows.append((kind, fields))
    return found


def faults_of(rows, expected):
    refusal = next((fields[0] for kind, fields in rows if kind == "E"), None)
    if refusal is not None:
        if expected.refused is not None or any(words in refusal for words in expected.may_refuse):
            return []
        return [f"we refuse what the library reads: {refusal}"]
    if expected.refused is not None:
        if all(kind == "T" and fields[4].startswith("!") for kind, fields in rows):
            return []  # listed for people, and no value is given
        return [f"we read what the library refuses ({expected.refused})"]
    if expected.array is not None:
        return array_faults(rows, *expected.array)
    return tensor_faults(rows, expected)


def array_faults(rows, shape, values, integers):
    (_, fields), = rows
    got_shape = [int(n) for n in fields[0].split(",") if n]
    found = []
    if got_shape != list(shape):
        found.append(f"shape {got_shape}, not {list(shape)}")
    if not same(floats(fields[1]), values):
        found.append(f"values {floats(fields[1])[:8]}, not {np.asarray(values).reshape(-1)[:8]}")
    refused = fields[2].startswith("!")
    if (integers is None) != refused:
        found.append(f"integers {'refused' if refused else 'read'} on one side alone")
    elif integers is not None and not np.array_equal(np.frombuffer(bytes.fromhex(fields[2]), "<i8"), integers.reshape(-1)):
        found.append("other integers")
    return found


def tensor_faults(rows, expected):
    text = lambda hexadecimal: bytes.fromhex(hexadecimal).decode()
    got = {(text(f[0]), text(f[1])): f for _, f in rows}
    wanted = {(container, name): (shape, values) for container, name, shape, values in expected.tensors}
    found = []
    if got.keys() != wanted.keys() or len(rows) != len(wanted):
        found.append(f"tensors {sorted(got.keys() ^ wanted.keys())} on one side alone")
    for key in got.keys() & wanted.keys():
        shape, values = wanted[key]
        fields = got[key]
        if [int(n) for n in fields[3].split(",") if n] != list(shape):
            found.append(f"{key}: shape {fields[3]}, not {shape}")
        if fields[4].startswith("!"):
            if values is not None and not any(words in fields[4] for words in expected.may_refuse):
                found.append(f"{key}: we refuse its values: {fields[4]}")
        elif values is None:
            found.append(f"{key}: we read values of type {text(fields[2])}")
        elif not same(floats(fields[4]), values):
            found.append(f"{key} ({text(fields[2])}): {floats(fields[4])[:6]}, not {np.asarray(values).reshape(-1)[:6]}")
    return found
