#!/usr/bin/env bash
# Sets ecograph up in .venv, and does nothing when that is done. Every make target starts here.
#
#   scripts/setup.sh         set up
#   scripts/setup.sh bench   set up .venv-bench, the packages that benchmarks compare with (make bench)
#   scripts/setup.sh gpu     set up .venv-gpu, where CUDA kernels are compiled and tested without a GPU (make unit-gpu)
#   scripts/setup.sh pins    write the constraints file of this machine's Python anew (make pins)
#
# Two ways, chosen by what is found or by ECOGRAPH_SETUP=conda|apt:
#   conda  where conda, mamba or micromamba is: environment.yml      (untested until it has run somewhere)
#   apt    Debian or Ubuntu: graph-tool from apt, everything else from PyPI under constraints/
# The apt way needs root or sudo only when the system's Python lacks graph_tool, cairo or venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONHOME VIRTUAL_ENV
readonly SYSTEM_PYTHON=/usr/bin/python3 VENV=.venv STAMP=.venv/ecograph-setup.json
readonly EXTRAS=dev,notebooks

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# --- which way, which pins -----------------------------------------------------------------------------

conda_tool() { command -v micromamba || command -v mamba || command -v conda; }

choose_way() {
    case "${ECOGRAPH_SETUP:-}" in
        conda) conda_tool >/dev/null || fail "ECOGRAPH_SETUP=conda, but there is no conda, mamba or micromamba."; echo conda ;;
        apt) echo apt ;;
        "") if conda_tool >/dev/null; then echo conda; else echo apt; fi ;;
        *) fail "ECOGRAPH_SETUP is '$ECOGRAPH_SETUP'; it may be conda or apt." ;;
    esac
}

# Debian 12's graph-tool is built against NumPy 1 (as is every one for a Python up to 3.12), Debian 13's works with NumPy 2.
choose_constraints() {
    case "$("$SYSTEM_PYTHON" -c 'import sys; print(sys.version_info[0] * 100 + sys.version_info[1])')" in
        311 | 312) echo constraints/debian12.txt ;;
        31[3-9] | 3[2-9]?) echo constraints/debian13.txt ;;
        *) fail "$SYSTEM_PYTHON is $("$SYSTEM_PYTHON" -V); ecograph needs Python 3.11 or newer." \
                "Way out: use Debian 12 or 13, or install conda (conda-forge has graph-tool) and run again." ;;
    esac
}

# What the newest releases must not exceed there, and why: see choose_constraints.
upper_bounds() {
    case "$1" in
        */debian12.txt) printf '%s\n' 'numpy<2' 'pyarrow<26' 'cupy-cuda12x<14' ;;
    esac
}

# --- the system's part ---------------------------------------------------------------------------------

system_has() { [ -x "$SYSTEM_PYTHON" ] && "$SYSTEM_PYTHON" -c "
import importlib.util, sys
sys.exit(importlib.util.find_spec('$1') is None)" 2>/dev/null; }

install_system_packages() {
    local needed=() wanted=()
    [ -x "$SYSTEM_PYTHON" ] || needed+=(python3)
    system_has graph_tool || needed+=(python3-graph-tool)
    system_has cairo || needed+=(python3-cairo)
    system_has ensurepip || needed+=(python3-venv)
    [ ${#needed[@]} -gt 0 ] || return 0
    command -v g++ >/dev/null || wanted+=(g++)
    command -v apt-get >/dev/null || fail "the system's Python lacks ${needed[*]}, and there is no apt-get." \
        "Way out: install graph-tool and pycairo for $SYSTEM_PYTHON, or conda (conda-forge has graph-tool), and run again."
    local run=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "these Debian packages are missing, and you are neither root nor have sudo: ${needed[*]}" \
            "Way out: ask an administrator for 'apt-get install ${needed[*]}', or install conda, and run again."
        run=(sudo)
    fi
    say "apt-get install ${needed[*]} ${wanted[*]}"
    run+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3)
    "${run[@]}" update </dev/null >/dev/null || say "apt-get update had trouble; going on with the lists at hand"
    "${run[@]}" install -y --no-install-recommends "${needed[@]}" "${wanted[@]}" </dev/null >/dev/null ||
        fail "apt-get could not install ${needed[*]} (its own words are above)."
}

# --- the virtual environment ---------------------------------------------------------------------------

install() { "$1/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "${@:2}"; }

# graph_tool and cairo (and gi, where it is) come from the system; nothing else may, or Debian's older NumPy, SciPy
# and Matplotlib would be mixed in. So the venv is closed and these packages are linked into it.
link_system_packages() {
    local target name found
    target=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    for name in graph_tool cairo gi; do
        found=$("$SYSTEM_PYTHON" -c "
import importlib.util
spec = importlib.util.find_spec('$name')
print(spec.submodule_search_locations[0] if spec else '')")
        [ -z "$found" ] || ln -sfn "$found" "$target/$name"
    done
}

set_up_with_apt() {
    say "the apt way, pins from $constraints"
    local base
    base="$PWD $("$SYSTEM_PYTHON" -VV)" # a venv is bound to these; anything else about it pip can mend
    if [ "$(cat $VENV/base 2>/dev/null)" != "$base" ]; then
        "$SYSTEM_PYTHON" -m venv --clear $VENV
        printf '%s\n' "$base" >$VENV/base
    fi
    install $VENV --constraint "$constraints" --upgrade pip hatchling editables
    install $VENV --constraint "$constraints" --no-build-isolation --editable ".[$EXTRAS]"
    link_system_packages $VENV
}

set_up_with_conda() {
    local tool
    tool=$(conda_tool)
    say "the conda way, with $tool (untested: tell us how it went)"
    rm -rf $VENV
    case "$tool" in
        *micromamba) "$tool" create --yes --prefix $VENV --file environment.yml ;;
        *) "$tool" env create --prefix $VENV --file environment.yml ;;
    esac
    install $VENV --no-deps --no-build-isolation --editable .
}

check() {
    $VENV/bin/python -c "
import ecograph, graph_tool, numpy
g = graph_tool.Graph(); g.add_vertex(2); p = g.new_vertex_property('double'); p.a[:] = 1
assert numpy.asarray(p.a).sum() == 2" || fail "the environment is made, but graph-tool doesn't work in it (see above)." \
        "Way out: remove $VENV and run again; if that doesn't help, tell us what $VENV/bin/ecograph doctor says."
}

set_up() {
    local way constraints=environment.yml key started=$SECONDS
    way=$(choose_way)
    if [ "$way" = apt ]; then
        install_system_packages
        constraints=$(choose_constraints)
    fi
    key=$( (cat scripts/setup.sh pyproject.toml "$constraints"; echo "$way $PWD"; "$SYSTEM_PYTHON" -VV 2>/dev/null || true) |
        sha256sum | cut -d' ' -f1)
    if grep -qs "\"key\": \"$key\"" $STAMP && [ -x $VENV/bin/python ]; then return 0; fi
    rm -f $STAMP
    "set_up_with_$way"
    check
    $VENV/bin/python -m ecograph.cpu.warm || say "kernels couldn't be compiled ahead; the first call will do it"
    printf '{"way": "%s", "constraints": "%s", "sha256": "%s", "key": "%s"}\n' \
        "$way" "$constraints" "$(sha256sum "$constraints" | cut -d' ' -f1)" "$key" >$STAMP.new
    mv $STAMP.new $STAMP
    say "done in $((SECONDS - started)) s; '$VENV/bin/ecograph doctor' tells what is there"
}

# --- peers of the benchmarks ---------------------------------------------------------------------------

# What is pinned may have no wheel for this Python: each is tried by itself then, and one line says what became of it.
set_up_bench() {
    local venv=.venv-bench pins=constraints/bench.txt key
    key=$(cat "$pins" <("$SYSTEM_PYTHON" -VV) | sha256sum | cut -d' ' -f1)
    if grep -qs "$key" $venv/ecograph-bench; then return 0; fi
    say "the peers of the benchmarks, in $venv"
    "$SYSTEM_PYTHON" -m venv --clear $venv
    if ! install $venv --requirement "$pins" 2>/dev/null; then
        say "not every pin of $pins can be had for $("$SYSTEM_PYTHON" -V): one by one"
        grep -v '^#' "$pins" | while read -r name; do
            if install $venv --no-deps "$name" >/dev/null 2>&1 </dev/null; then continue; fi
            if install $venv "${name%%==*}" >/dev/null 2>&1 </dev/null; then
                say "$name can't be had: the newest instead"
            else
                say "goes without $name"
            fi
        done
    fi
    link_system_packages $venv
    echo "$key" >$venv/ecograph-bench
}

# --- CUDA kernels without a GPU ------------------------------------------------------------------------

# A bare venv: what make test-gpu needs on a machine with a GPU, and nothing else. CuPy 14 needs NumPy 2, which Debian
# 12's graph-tool doesn't bear. The wheels are large: where they can't be had, the tests that need none still run.
set_up_gpu() {
    local venv=.venv-gpu pins=constraints/gpu.txt key
    key=$(cat "$pins" <("$SYSTEM_PYTHON" -VV) | sha256sum | cut -d' ' -f1)
    if grep -qs "$key" $venv/ecograph-gpu; then return 0; fi
    say "CuPy, NVRTC and a bare Python, in $venv"
    "$SYSTEM_PYTHON" -m venv --clear $venv
    if install $venv --no-compile --requirement "$pins"; then
        echo "$key" >$venv/ecograph-gpu
    else
        say "goes without CuPy and NVRTC: their wheels can't be had; no kernel is compiled for a device"
        install $venv --constraint "$pins" numba pytest
    fi
}

# --- pins ----------------------------------------------------------------------------------------------

write_pins() {
    install_system_packages
    local constraints
    constraints=$(choose_constraints)
    scratch=$(mktemp -d) # not local: the trap runs after this function
    trap 'rm -rf "$scratch"' EXIT
    upper_bounds "$constraints" >"$scratch/bounds.txt"
    "$SYSTEM_PYTHON" -m venv "$scratch/venv"
    install "$scratch/venv" --upgrade pip hatchling editables
    install "$scratch/venv" --constraint "$scratch/bounds.txt" --no-build-isolation --editable ".[$EXTRAS,gpu]"
    {
        echo "# Every package that set-up may install, its extras and the build backend included, at one version each."
        echo "# Written by 'make pins' on $("$SYSTEM_PYTHON" -V) with the newest releases$(
            paste -sd, "$scratch/bounds.txt" | sed 's/,/, /g; s/^./ under &/')."
        "$scratch/venv/bin/python" -m pip list --local --format=freeze --exclude ecograph --exclude setuptools
    } >"$scratch/pins.txt"
    mkdir -p constraints
    cp "$scratch/pins.txt" "$constraints"
    say "wrote $constraints ($(grep -c == "$constraints") packages)"
}

case "${1:-}" in
    "") set_up ;;
    bench) set_up_bench ;;
    gpu) set_up_gpu ;;
    pins) write_pins ;;
    *) fail "scripts/setup.sh knows no '$1'; it takes nothing, 'bench', 'gpu' or 'pins'." ;;
esac
