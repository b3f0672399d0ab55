"""The match language, evaluated plainly, for comparing with the engine. Written from its specification alone.

Slow and simple on purpose: a rule becomes a list of conjunctions (its `$or`s multiplied out), an event a list of
scalars that know their path and the elements of arrays in which they stand, and every choice of scalars is tried.
"""

import ipaddress
import itertools
import json
import re

OPERATORS = {
    "prefix", "suffix", "equals-ignore-case", "wildcard", "numeric", "exists", "anything-but", "cidr"}
DEEPEST, MOST_CONJUNCTIONS = 64, 1000


class Wrong(ValueError):
    """A text that is no JSON of ours, or a rule that the language refuses."""


class Number:
    """A number with its spelling: equal as a finite double, or by the same text."""

    def __init__(self, text):
        self.text, self.value = text, float(text)
        self.finite = abs(self.value) != float("inf")

    def equals(self, other):
        return self.text == other.text or (self.finite and other.finite and self.value == other.value)


# Reading JSON.

def read(text):
    """The object that a text is; numbers keep their spelling."""
    try:
        value = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        raise Wrong(str(error)) from error
    if not isinstance(value, dict):
        raise Wrong("not an object")
    check(value, 1)
    return value


def refuse(name):
    raise Wrong(f"{name} is no JSON")


def members(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        raise Wrong("a key twice")
    return result


def check(value, depth):
    """Refuses lone surrogates and what is nested too deep."""
    if isinstance(value, (dict, list)) and depth > DEEPEST:
        raise Wrong("too deep")
    if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        raise Wrong("a lone surrogate")
    if isinstance(value, dict):
        for key, member in value.items():
            check(key, depth)
            check(member, depth + 1)
    if isinstance(value, list):
        for element in value:
            check(element, depth + 1)


# The event.

class Event:
    """The scalars of an event by path; each with the elements it stands in, as {array: element}."""

    def __init__(self, text):
        self.scalars, self.arrays = {}, itertools.count()
        self.flatten(read(text), [], {})

    def flatten(self, value, path, elements):
        if isinstance(value, dict):
            for key, member in value.items():
                self.flatten(member, path + [key], elements)
        elif isinstance(value, list):
            array = next(self.arrays)
            for index, element in enumerate(value):
                self.flatten(element, path, {**elements, array: index})
        else:
            self.scalars.setdefault(".".join(path), []).append((value, elements))


def agree(one, other):
    """Whether no array gives two different elements."""
    return all(other.get(array, index) == index for array, index in one.items())


# The rule.

class Rule:
    def __init__(self, text):
        self.conjunctions = conjunctions(read(text), [])
        for fields in self.conjunctions:
            if len({path for path, _, _ in fields}) < len(fields):
                raise Wrong("a path twice")

    def matches(self, event):
        return any(satisfied(fields, event, {}, []) for fields in self.conjunctions)


def satisfied(fields, event, elements, absent):
    """Tries every scalar for the first field and goes on with the rest; what must be absent is judged last."""
    if not fields:
        return not any(agree(there, elements) for path in absent for _, there in event.scalars.get(path, []))
    (path, predicates, may_be_absent), rest = fields[0], fields[1:]
    for value, there in event.scalars.get(path, []):
        if any(holds(value) for holds in predicates) and agree(there, elements):
            if satisfied(rest, event, {**elements, **there}, absent):
                return True
    return may_be_absent and satisfied(rest, event, elements, absent + [path])


def conjunctions(pattern, path):
    """Every way to choose one branch of each `$or`: lists of (path, predicates, whether it may be absent)."""
    result = [[]]
    for key, value in pattern.items():
        result = [one + other for one in result for other in member(key, value, path)]
        if len(result) > MOST_CONJUNCTIONS:
            raise Wrong("too many combinations")
    return result


def member(key, value, path):
    if key == "$or":
        return branches(value, path)
    if isinstance(value, dict) and value:
        return conjunctions(value, path + [key])
    if isinstance(value, list) and value:
        return [[field(".".join(path + [key]), value)]]
    raise Wrong(f"{key} is no object and no list, or empty")


def branches(value, path):
    if not isinstance(value, list) or len(value) < 2:
        raise Wrong("$or has no two branches")
    result = []
    for branch in value:
        if not isinstance(branch, dict) or not branch or OPERATORS & branch.keys():
            raise Wrong("a branch is no object, empty, or names an operator")
        result += conjunctions(branch, path)
        if len(result) > MOST_CONJUNCTIONS:
            raise Wrong("too many combinations")
    return result


def field(path, alternatives):
    predicates, may_be_absent = [], False
    for alternative in alternatives:
        if isinstance(alternative, list):
            raise Wrong("a list in a list")
        if not isinstance(alternative, dict):
            predicates.append(equality(alternative))
            continue
        name, operand = only_member(alternative)
        if name == "exists":
            if not isinstance(operand, bool):
                raise Wrong("exists wants a boolean")
            may_be_absent = may_be_absent or not operand
            if operand:
                predicates.append(lambda value: True)
        else:
            predicates.append(predicate(name, operand))
    return path, predicates, may_be_absent


def only_member(operator):
    if len(operator) != 1:
        raise Wrong("an operator is one member")
    return next(iter(operator.items()))


# The operators: each makes a predicate of one scalar.

def equality(wanted):
    if isinstance(wanted, Number):
        return lambda value: isinstance(value, Number) and value.equals(wanted)
    return lambda value: type(value) is type(wanted) and value == wanted


def predicate(name, operand):
    if name in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
        holds = string_predicate(name, operand)
        return lambda value: isinstance(value, str) and holds(value)
    if name == "numeric":
        holds = numeric(operand)
        return lambda value: isinstance(value, Number) and value.finite and holds(value.value)
    if name == "cidr":
        return block(string(operand))
    if name == "anything-but":
        return anything_but(operand)
    raise Wrong(f"no operator {name}")


def string(operand):
    if not isinstance(operand, str):
        raise Wrong("wants a string")
    return operand


def string_predicate(name, operand):
    folded = False
    if name in ("prefix", "suffix") and isinstance(operand, dict):
        inner, operand = only_member(operand)
        if inner != "equals-ignore-case":
            raise Wrong(f"{inner} in {name}")
        folded = True
    folds = lower if folded or name == "equals-ignore-case" else str
    wanted = folds(string(operand))
    if name == "prefix":
        return lambda value: folds(value).startswith(wanted)
    if name == "suffix":
        return lambda value: folds(value).endswith(wanted)
    if name == "equals-ignore-case":
        return lambda value: folds(value) == wanted
    whole = wildcard(wanted)
    return lambda value: whole.fullmatch(value) is not None


def lower(text):
    """Each scalar by its simple mapping; U+0130, which maps to two scalars, stays (the cases say so)."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def wildcard(pattern):
    parts, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
            character = pattern[position:position + 1]
            if character not in ("*", "\\"):
                raise Wrong("only \\* and \\\\")
            parts.append(re.escape(character))
        elif character == "*":
            if parts[-1:] == [".*"]:
                raise Wrong("**")
            parts.append(".*")
        else:
            parts.append(re.escape(character))
        position += 1
    return re.compile("".join(parts), re.DOTALL)


COMPARISONS = {
    "=": lambda a, b: a == b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}


def numeric(operand):
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise Wrong("numeric wants two or four elements")
    names, bounds = operand[::2], [finite(number) for number in operand[1::2]]
    if not all(isinstance(name, str) and name in COMPARISONS for name in names):
        raise Wrong("no comparison")
    if len(names) == 2 and not (names[0] in (">", ">=") and names[1] in ("<", "<=") and bounds[0] < bounds[1]):
        raise Wrong("no range")
    return lambda value: all(COMPARISONS[name](value, bound) for name, bound in zip(names, bounds))


def finite(number):
    if not isinstance(number, Number) or not number.finite:
        raise Wrong("wants a finite number")
    return number.value


def anything_but(operand):
    if isinstance(operand, dict):
        name, inner = only_member(operand)
        if name not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            raise Wrong(f"{name} in anything-but")
        wanted = [string(each) for each in one_or_more(inner)]
        if name in ("prefix", "suffix") and "" in wanted:
            raise Wrong("excludes every string")
        forbidden = [predicate(name, each) for each in wanted]
    else:
        wanted = one_or_more(operand)
        if all(isinstance(each, Number) for each in wanted):
            for each in wanted:
                finite(each)
        elif not all(isinstance(each, str) for each in wanted):
            raise Wrong("wants strings or numbers")
        forbidden = [equality(each) for each in wanted]
    return lambda value: not any(holds(value) for holds in forbidden)


def one_or_more(operand):
    if operand == []:
        raise Wrong("an empty list")
    return operand if isinstance(operand, list) else [operand]


def block(text):
    base, slash, bits = text.partition("/")
    network = address(base)
    if not slash or network is None or not re.fullmatch("[0-9]+", bits):
        raise Wrong("no block")
    width, number = network
    if int(bits) >= width:  # The page allows a block of one address; the cases refuse it.
        raise Wrong("too many bits")
    shift = width - int(bits)

    def holds(value):
        found = address(value) if isinstance(value, str) else None
        return found is not None and found[0] == width and found[1] >> shift == number >> shift
    return holds


def address(text):
    """An address as (bits, number), or None."""
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", text):
        octets = [int(octet) for octet in text.split(".")]
        return (32, int.from_bytes(bytes(octets), "big")) if max(octets) < 256 else None
    try:
        return (128, int(ipaddress.IPv6Address(text))) if "%" not in text else None
    except ValueError:
        return None


def answer(rule, event):
    """What the cases call MATCH, no, RULE-ERR or EVENT-ERR."""
    try:
        rule = Rule(rule)
    except Wrong:
        return "RULE-ERR"
    try:
        return "MATCH" if rule.matches(Event(event)) else "no"
    except Wrong:
        return "EVENT-ERR"
