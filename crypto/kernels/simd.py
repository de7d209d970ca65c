"""A numba type for SIMD vectors of 32-bit words, and the few operations the kernels are written in.

Plain numba loops do not vectorise here: numba widens uint32 arithmetic to 64 bits and LLVM gives up across that many
arrays. A `Vector` value *is* the LLVM vector `<n x i32>`; additions and rotations on it become one instruction each.

The width travels as a type: kernels take a `Lanes` value first (`Lanes(16)` with AVX-512, 8 with AVX2, 4 otherwise), so
one source text compiles for every width and numba's cache keeps them apart.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.registry import cpu_target
from numba.extending import NativeValue, intrinsic, typeof_impl, unbox

I32: Final = ir.IntType(32)
I64: Final = ir.IntType(64)

Builder = Any  # llvmlite's IRBuilder; it ships no types
Value = Any  # an llvmlite value
Context = Any  # numba's typing or target context
Signature = Any


class Lanes:
    """How many 32-bit words a vector holds (4, 8 or 16), and how many AES blocks an instruction takes (0, 1, 2, 4)."""

    __slots__ = ("aes", "width")

    def __init__(self, width: int, aes: int = 0) -> None:
        if width not in (4, 8, 16):
            raise ValueError(f"lanes must be 4, 8 or 16, got {width}")
        if aes not in (0, 1, 2, 4) or 4 * aes > width:
            raise ValueError(f"AES blocks must be 0, 1, 2 or 4 and fit {width} lanes, got {aes}")
        self.width: Final = width
        self.aes: Final = aes

    def __repr__(self) -> str:
        return f"Lanes({self.width}, aes={self.aes})"


def host_lanes(width: int | None = None) -> Lanes:
    """Return the widest vectors that numba compiles for here; with `width`, that one (any width runs anywhere)."""
    features = _target_features()
    if width is None:
        width = 16 if {"avx512f", "avx512bw", "avx512vl"} <= features else 8 if "avx2" in features else 4
    if "aes" not in features:
        return Lanes(width)
    if "vaes" not in features:
        return Lanes(width, aes=1)
    return Lanes(width, aes=min(width // 4, 4 if "avx512f" in features else 2))


def has_sha() -> bool:
    """Return whether the compiler may use the instructions for SHA-1 and SHA-256."""
    return "sha" in _target_features()


@functools.cache
def _target_features() -> frozenset[str]:
    """Return what the compiler may use: the host's features, unless NUMBA_CPU_NAME or NUMBA_CPU_FEATURES say less."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return frozenset(name[1:] for name in features.split(",") if name.startswith("+"))


class LanesType(types.Type):  # type: ignore[misc]
    """Type of a `Lanes` value: carries width and aes, holds nothing at run time."""

    def __init__(self, width: int, aes: int) -> None:
        self.width = width
        self.aes = aes
        super().__init__(name=f"Lanes({width}, {aes})")


class VectorType(types.Type):  # type: ignore[misc]
    """`<width x i32>`."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Vector({width})")


@typeof_impl.register(Lanes)
def _typeof_lanes(value: Lanes, context: Context) -> LanesType:
    return LanesType(value.width, value.aes)


register_default(LanesType)(models.OpaqueModel)


@unbox(LanesType)
def _unbox_lanes(typ: LanesType, obj: Value, context: Context) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


@register_default(VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, fe_type: VectorType) -> None:
        super().__init__(manager, fe_type, ir.VectorType(I32, fe_type.width))


# -- emitting ---------------------------------------------------------------------------------------------------------


class Emitter:
    """Writes vector arithmetic into a builder.

    A word is an LLVM vector or a Python int: what is constant for all lanes (padding, lengths, round constants) stays
    an int and is folded here, so that it never reaches the vector units.
    """

    def __init__(self, builder: Builder, width: int) -> None:
        self.builder = builder
        self.width = width
        self.vector = ir.VectorType(I32, width)
        name = f"llvm.fshl.v{width}i32"
        self._fshl = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(self.vector, [self.vector] * 3), name
        )

    def vec(self, word: Value) -> Value:
        """Return `word` as a vector, whichever it was."""
        if isinstance(word, int):
            return ir.Constant(self.vector, [word & 0xFFFFFFFF] * self.width)
        return word

    def splat(self, scalar: Value) -> Value:
        """Return the vector that holds the i32 `scalar` in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(self.vector, [0] * self.width)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def add(self, *words: Value) -> Value:
        """Return the sum modulo 2^32, constants summed here and added first."""
        constant = sum(word for word in words if isinstance(word, int)) & 0xFFFFFFFF
        vectors = [word for word in words if not isinstance(word, int)]
        if not vectors:
            return constant
        total = vectors[0]
        if constant:
            total = self.builder.add(total, self.vec(constant))
        for vector in vectors[1:]:
            total = self.builder.add(total, vector)
        return total

    def xor(self, *words: Value) -> Value:
        """Return the exclusive or."""
        constant = 0
        total: Value = None
        for word in words:
            if isinstance(word, int):
                constant ^= word
            else:
                total = word if total is None else self.builder.xor(total, word)
        if total is None:
            return constant
        return self.builder.xor(total, self.vec(constant)) if constant else total

    def and_(self, a: Value, b: Value) -> Value:
        """Return the bitwise and."""
        return self.builder.and_(self.vec(a), self.vec(b))

    def or_(self, a: Value, b: Value) -> Value:
        """Return the bitwise or."""
        return self.builder.or_(self.vec(a), self.vec(b))

    def rotl(self, word: Value, count: int) -> Value:
        """Return `word` rotated left by `count` bits."""
        if isinstance(word, int):
            return (word << count | word >> (32 - count)) & 0xFFFFFFFF
        return self.builder.call(self._fshl, [word, word, self.vec(count)])

    def rotr(self, word: Value, count: int) -> Value:
        """Return `word` rotated right by `count` bits."""
        return self.rotl(word, 32 - count)

    def swap(self, word: Value) -> Value:
        """Return `word` with its octets in the other order."""
        name = f"llvm.bswap.v{self.width}i32"
        function = ir.FunctionType(self.vector, [self.vector])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, function, name), [self.vec(word)])

    def shr(self, word: Value, count: int) -> Value:
        """Return `word` shifted right by `count` bits, zeros coming in."""
        if isinstance(word, int):
            return word >> count
        return self.builder.lshr(word, self.vec(count))

    def shl(self, word: Value, count: int) -> Value:
        """Return `word` shifted left by `count` bits."""
        if isinstance(word, int):
            return word << count & 0xFFFFFFFF
        return self.builder.shl(word, self.vec(count))


class Parked:
    """Vectors put by on the stack, by number: loading one later, as the operand of an instruction, is free.

    LLVM would keep them in registers, or spill others; settle() makes it forget that it knows what was stored.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._slots: dict[int, Value] = {}

    def keep(self, number: int, vector: Value) -> None:
        """Store a vector."""
        self._slots[number] = cgutils.alloca_once(self._emitter.builder, self._emitter.vector)
        self._emitter.builder.store(vector, self._slots[number])

    def settle(self) -> None:
        """Let what was stored so far be read from memory only."""
        for slot in self._slots.values():
            nothing = ir.FunctionType(ir.VoidType(), [slot.type])
            self._emitter.builder.asm(nothing, "", "r,~{memory}", [slot], side_effect=True)

    def fetch(self, number: int) -> Value:
        """Load a vector."""
        return self._emitter.builder.load(self._slots[number])


def words_of(builder: Builder, value: Value, count: int) -> list[Value]:
    """Return the `count` vectors of a numba tuple."""
    return [builder.extract_value(value, i) for i in range(count)]


def tuple_of(context: Context, builder: Builder, signature: Signature, emitter: Emitter, words: list[Value]) -> Value:
    """Return `words` as the numba tuple that `signature` returns."""
    return context.make_tuple(builder, signature.return_type, [emitter.vec(word) for word in words])


def vectors(width: int, count: int) -> types.UniTuple:
    """Return the numba type of a tuple of `count` vectors."""
    return types.UniTuple(VectorType(width), count)


def word_pointer(context: Context, builder: Builder, array_type: types.Array, array: Value, index: Value) -> Value:
    """Return the address of `array[index]`; `array` is one-dimensional, contiguous, of 32-bit words."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def words_array(typ: types.Type) -> bool:
    """Tell whether `typ` is a contiguous one-dimensional array of uint32."""
    return isinstance(typ, types.Array) and typ.ndim == 1 and typ.layout == "C" and typ.dtype == types.uint32


def _vector_pointer(builder: Builder, pointer: Value, width: int) -> Value:
    return builder.bitcast(pointer, ir.VectorType(I32, width).as_pointer())


# -- intrinsics -------------------------------------------------------------------------------------------------------


@intrinsic
def width_of(typing: Context, lanes: LanesType) -> tuple[Signature, Callable[..., Value]]:
    """Return the number of lanes as an int64 constant."""

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        return ir.Constant(I64, lanes.width)

    return types.int64(lanes), emit


@intrinsic
def load(typing: Context, lanes: LanesType, array: Any, index: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the vector at `array[index : index + lanes]`."""
    if not words_array(array):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        pointer = word_pointer(context, builder, array, args[1], args[2])
        return builder.load(_vector_pointer(builder, pointer, lanes.width), align=4)

    return VectorType(lanes.width)(lanes, array, types.int64), emit


@intrinsic
def store(typing: Context, array: Any, index: Any, vector: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Write `vector` to `array[index : index + lanes]`."""
    if not words_array(array) or not isinstance(vector, VectorType):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        pointer = word_pointer(context, builder, array, args[0], args[1])
        builder.store(args[2], _vector_pointer(builder, pointer, vector.width), align=4)
        return context.get_dummy_value()

    return types.none(array, types.int64, vector), emit


@intrinsic
def load_words(
    typing: Context, lanes: LanesType, count: Any, array: Any, index: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the `count` (a literal) consecutive vectors that start at `array[index]`."""
    if not words_array(array) or not isinstance(count, types.IntegerLiteral):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        pointer = word_pointer(context, builder, array, args[2], args[3])
        start = _vector_pointer(builder, pointer, lanes.width)
        loaded = [builder.load(builder.gep(start, [ir.Constant(I64, i)]), align=4) for i in range(count.literal_value)]
        return context.make_tuple(builder, signature.return_type, loaded)

    return vectors(lanes.width, count.literal_value)(lanes, count, array, types.int64), emit


@intrinsic
def xor(typing: Context, a: Any, b: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the exclusive or of two vectors."""
    if not isinstance(a, VectorType) or a != b:
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        return builder.xor(args[0], args[1])

    return a(a, b), emit


@intrinsic
def equal_mask(typing: Context, vector: Any, word: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the lanes that equal `word` as bits of an int64, lane 0 lowest."""
    if not isinstance(vector, VectorType):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        emitter = Emitter(builder, vector.width)
        same = builder.icmp_unsigned("==", args[0], emitter.splat(args[1]))
        return builder.zext(builder.bitcast(same, ir.IntType(vector.width)), I64)

    return types.int64(vector, types.uint32), emit
