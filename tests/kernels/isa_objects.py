"""Nothing compiled for an instruction set can run before the processor is known to have it: read off the objects.

    isa_objects.py --objdump objdump LIBRARY...     the project's static libraries
    isa_objects.py --objdump objdump --self-test --compiler g++

A function beyond the baseline is one that contains an instruction which not every processor of its family has. Such
functions may be called through a kernel table alone, or through a table of Highway's. So, for each object:

  1. A function of a Highway target (its name has the target's namespace, N_AVX2 and the like) may be what it likes.
  2. If any other function is beyond the baseline, the whole object was compiled for an instruction set, and then it
     defines no symbol for others but data: no function that somebody could call too early, and no inline function or
     template (a weak symbol) that the linker could choose for everyone.
  3. An object with any function beyond the baseline has no static initializer.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

TARGET = re.compile(r"\dN_(?:SS|AVX|NEON|SVE|EMU|SCALAR)")
INITIALIZERS = (".init_array", ".ctors", ".text.startup", ".preinit_array")

# x86-64 beyond SSE2. VEX and EVEX instructions begin with v.
X86 = re.compile(
    r"v(?!er[rw]\b|m(?:call|launch|resume|xo))\w|tile|tdp|ldtilecfg|sttilecfg"
    # SSE3, SSSE3
    r"|addsub|hadd|hsub|lddqu|mov(?:d|sh|sl)dup|pshufb|ph(?:add|sub)|pmulhrsw|pmaddubsw|pabs|psign|palignr"
    # SSE4
    r"|p?blend|pmul(?:ld|dq\b)|pm(?:ax|in)(?:s[bd]|u[wd])|pmov[sz]x|ptest|round[ps]|dpp[sd]|insertps|extractps"
    r"|pinsr[bdq]|pextr[bdq]|pcmp(?:eqq|gtq|[ei]str)|packusdw|phminpos|mpsadbw|movntdqa|crc32|popcnt"
    # BMI, AES and the rest; `rep bsf` of old is `tzcnt` here, and harmless
    r"|lzcnt|andn\b|bextr|bls[rim]|bzhi|mulx|pdep|pext\b|rorx|s(?:ar|hl|hr)x|movbe|aes|pclmul|sha(?:1|256)|gf2p8|ad[co]x")
# aarch64 beyond ARMv8.0-A with NEON: bf16, int8 and dot products, SVE, cryptography, rounding products, atomics, complex
# numbers, CRC, and arithmetic (not conversion) of half precision.
ARM = re.compile(
    r"bf(?:dot|mmla|mlal|cvt)|[su]mmla|us(?:dot|mmla)|[su]dot|ptrue|whilel|ld1[bhwd]\b|st1[bhwd]\b|aes|sha(?:1|256|512)"
    r"|pmull2?\s.*1q|fmlal|sqrdml|casp?(?:[alb]|\b)|ld(?:add|set|clr|eor|apr)|[su]t(?:add|set|clr)|swp|fc(?:mla|add)\b"
    r"|crc32|f(?!cvt)\w+\s+(?:v\d+\.[48]h|h\d)")


def beyond(machine):
    return {"x86-64": X86, "aarch64": ARM}[machine]


class Object:
    def __init__(self, name):
        self.name, self.functions, self.symbols, self.initializers = name, {}, [], []


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read(objdump, library):
    """The objects of a library: each function's first instruction beyond the baseline, its symbols, initializers."""
    objects, current, machine = {}, None, None
    for line in run(objdump, "-h", "-t", library).splitlines():
        if found := re.match(r"(\S+):\s+file format elf64-(x86-64|littleaarch64)", line):
            current = objects.setdefault(found[1], Object(found[1]))
            machine = "x86-64" if found[2] == "x86-64" else "aarch64"
        elif found := re.match(r"\s*\d+ (\.\S+)\s", line):
            if found[1].startswith(INITIALIZERS):
                current.initializers.append(found[1])
        elif found := re.match(r"[0-9a-f]{16} (.)(.)....(.) (\S+)\s+[0-9a-f]{16}\s+(?:\.hidden )?(\S+)$", line):
            scope, weak, kind, section, symbol = found.groups()
            if section not in ("*UND*", "*ABS*") and (scope in "gu!" or weak == "w"):
                current.symbols.append((symbol, kind, weak == "w" or scope == "u"))
    if not objects:
        sys.exit(f"{library}: no objects")
    wanted, function = beyond(machine), None
    for line in run(objdump, "-d", "--no-show-raw-insn", library).splitlines():
        if found := re.match(r"(\S+):\s+file format ", line):
            current = objects[found[1]]
        elif found := re.match(r"[0-9a-f]{16} <(.+)>:$", line):
            function = found[1]
        elif (found := re.match(r"\s+[0-9a-f]+:\t(.+)", line)) and function not in current.functions:
            text = re.sub(r"^(?:rep|repz|repnz|lock|bnd|notrack|data16|cs) ", "", found[1])
            if wanted.match(text) or (machine == "aarch64" and re.search(r"\bz\d+\.[bhsd]", text)):
                current.functions[function] = text
    return list(objects.values())


def faults(item):
    outside = {name: code for name, code in item.functions.items() if not TARGET.search(name)}
    out = []
    if outside:
        example = next(iter(outside.items()))
        for symbol, kind, weak in item.symbols:
            if symbol.startswith("DW.ref."):  # data: where the C++ runtime is
                continue
            if kind != "O" or weak:
                out.append(f"it is compiled for an instruction set ({example[1]!r} in {example[0]}) and defines "
                           f"{'the weak symbol' if weak else 'the function'} {symbol}")
    if item.functions and item.initializers:
        out.append(f"it holds code for an instruction set and static initializers: {' '.join(item.initializers)}")
    return [f"{item.name}: {fault}" for fault in out]


def check(objdump, libraries):
    found, beyond_baseline = [], 0
    for library in libraries:
        for item in read(objdump, library):
            beyond_baseline += bool(item.functions)
            found += [f"{library}: {fault}" for fault in faults(item)]
    return found, beyond_baseline


CASES = {  # what it is: (should it be found, code)
    "a function of a Highway target": (False, """
        namespace hwy_like { namespace N_AVX2 {
        __attribute__((target("avx2,fma"))) float f(float a, float b) { return __builtin_fmaf(a, b, a); }
        } }"""),
    "a table that is data": (False, """
        __attribute__((target("avx2,fma"))) static float f(float a) { return __builtin_fmaf(a, a, a); }
        struct Table { float (*f)(float); };
        extern const Table table;
        constinit const Table table = {f};"""),
    "a getter of a table beyond the baseline": (True, """
        struct Table { double a[8]; };
        __attribute__((target("avx512f"))) void fill(Table& t, const double* from) {
          for (int i = 0; i < 8; ++i) t.a[i] = from[i] * 3;
        }"""),
    "a static initializer": (True, """
        extern int start();
        __attribute__((target("avx2,fma"))) static float f(float a) { return __builtin_fmaf(a, a, a); }
        struct Table { float (*f)(float); int began; };
        extern const Table table;
        const Table table = {f, start()};"""),
    "an inline function for everyone": (True, """
        __attribute__((target("avx2,fma"), noinline)) inline float f(float a) { return __builtin_fmaf(a, a, a); }
        struct Table { float (*f)(float); };
        extern const Table table;
        constinit const Table table = {f};"""),
}


def self_test(objdump, compiler):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (expected, code) in CASES.items():
            source, thing = pathlib.Path(folder, "a.cc"), pathlib.Path(folder, "a.o")
            source.write_text(code)
            run(compiler, "-std=c++20", "-O2", "-fPIC", "-c", str(source), "-o", str(thing))
            found, _ = check(objdump, [str(thing)])
            if bool(found) != expected:
                wrong.append(f"{name}: {found}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("libraries", nargs="*")
    options = parser.parse_args()
    if options.self_test:
        found = self_test(options.objdump, options.compiler)
        print("\n".join(found) or f"{len(CASES)} cases as they should be")
    else:
        found, beyond_baseline = check(options.objdump, options.libraries)
        if beyond_baseline == 0:
            found.append("no object has code beyond the baseline: is this list of instructions still right?")
        print("\n".join(found) or f"{beyond_baseline} objects with code beyond the baseline, none of it reachable early")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
