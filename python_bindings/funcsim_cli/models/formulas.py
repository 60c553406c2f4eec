"""Sizes in .pt2 files, such as ``Mul(Integer(2), Symbol('s0'))``: formulas that SymPy would run as Python."""

import ast
import re

import sympy
from torch.utils._sympy import functions

_OPERATORS = (ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
_PARTS = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Name, ast.Load, ast.keyword, *_OPERATORS)
_WORD_OR_NUMBER = re.compile(r"[\w.+-]+")


def is_formula(text: str) -> bool:
    """Whether a text has nothing in it but numbers, names, operators and SymPy's and PyTorch's symbolic functions."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    named = {
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Symbol", "Float")
        for argument in node.args[:1]
    }
    return all(_is_part(node, node in named) for node in ast.walk(tree))


def _is_part(node: ast.AST, named: bool) -> bool:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):  # other functions would parse it again
            return named and _WORD_OR_NUMBER.fullmatch(node.value) is not None
        return isinstance(node.value, int | float)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and _is_symbolic(node.func.id)
    return isinstance(node, _PARTS)


def _is_symbolic(name: str) -> bool:
    found = getattr(functions, name, getattr(sympy, name, None))
    return isinstance(found, type) and issubclass(found, sympy.Basic)
