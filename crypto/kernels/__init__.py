"""Compiled code: SIMD vectors, SHA, MD5 and AES over them, and the searches made of these."""
