"""Random events, and patterns made from them so that many match; what a seed makes stays the same."""

import random

from pattern_vocabulary import (
    ADDRESSES, BLOCKS, DENSE_KEYS, INFINITE, KEYS, LOOKALIKES, NUMBERS, OPERATORS, STRINGS, WRONG_ALTERNATIVES)
from rules_by_the_page import Event, Number

def write(value, chance=None):
    """A value as JSON; with a source of chance also in other spellings: escapes and blanks."""
    blank = (lambda: chance.choice(["", "", "", " ", "\n", "\t "])) if chance else (lambda: "")
    if isinstance(value, dict):
        members = [f"{write(key, chance)}{blank()}:{blank()}{write(member, chance)}" for key, member in value.items()]
        return "{" + blank() + f"{blank()},{blank()}".join(members) + "}"
    if isinstance(value, list):
        return "[" + f"{blank()},{blank()}".join(write(element, chance) for element in value) + blank() + "]"
    if isinstance(value, str):
        return '"' + "".join(spelling(character, chance) for character in value) + '"'
    if isinstance(value, Number):
        return value.text
    return {None: "null", True: "true", False: "false"}[value]


def spelling(character, chance):
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}
    if chance and chance.random() < 0.15:
        if character == "/":
            return "\\/"
        units = character.encode("utf-16-be")
        return "".join(
            chance.choice(["\\u%04x", "\\u%04X"]) % int.from_bytes(units[at:at + 2], "big")
            for at in range(0, len(units), 2))
    if character in escapes:
        return escapes[character]
    return character if character >= " " else "\\u%04x" % ord(character)


class Generator:
    def __init__(self, seed):
        self.seed, self.chance = seed, random.Random(seed)
        # Few keys and values and many arrays, so that it often matters in which element a value stands.
        self.is_dense = False

    def happens(self, probability):
        return self.chance.random() < probability

    def one(self, choices):
        return self.chance.choice(choices)

    # Events.

    def event(self):
        return {key: self.value(0) for key in self.keys(self.chance.randint(1, 6))}

    def keys(self, count):
        return self.chance.sample(DENSE_KEYS if self.is_dense else KEYS, count)

    def value(self, depth):
        kind = self.chance.random() if depth < 4 else 0
        if kind < (0.35 if self.is_dense else 0.55):
            return self.scalar()
        if kind < (0.45 if self.is_dense else 0.75):
            return {key: self.value(depth + 1) for key in self.keys(self.chance.choice([0, 1, 1, 2, 3]))}
        return self.array(depth + 1)

    def array(self, depth):
        count = self.chance.choice([0, 1, 2, 2, 3, 4])
        if self.happens(0.5):  # Elements alike, so that fields meet in some of them only.
            keys = self.keys(self.chance.randint(1, 3))
            return [{key: self.value(depth + 1) for key in keys if self.happens(0.8)} for _ in range(count)]
        return [self.value(depth) for _ in range(count)]

    def scalar(self):
        if self.is_dense:
            return self.one(["x", "xy", "y", Number("1"), None])
        kind = self.chance.random()
        if kind < 0.6:
            return self.one(ADDRESSES if self.happens(0.2) else STRINGS[:24] if self.happens(0.5) else STRINGS)
        if kind < 0.85:
            return self.number()
        return self.one([None, True, False])

    def number(self):
        return Number(self.one(INFINITE) if self.happens(0.05) else self.one(self.one(NUMBERS)))

    def varied(self, value):
        """The same value, a little changed here and there."""
        if isinstance(value, dict):
            return {key: self.varied(member) for key, member in value.items() if self.happens(0.95)}
        if isinstance(value, list):
            elements = [self.varied(element) for element in value if self.happens(0.95)]
            if self.happens(0.2):
                self.chance.shuffle(elements)
            return elements
        kind = self.chance.random()
        return value if kind < 0.92 else self.scalar() if kind < 0.97 else [value] if kind < 0.98 else self.value(2)

    # Rules.

    def rule(self, event):
        """A pattern from what an event has, mostly from elements that go together."""
        scalars = [(path, *one) for path, found in Event(write(event)).scalars.items() for one in found]
        self.chance.shuffle(scalars)
        fields, elements = {}, {}
        for path, value, there in scalars[:self.one([2, 2, 3, 4] if self.is_dense else [1, 1, 1, 2, 2, 3, 5])]:
            agrees = all(elements.get(array, index) == index for array, index in there.items())
            if path not in fields and (agrees or self.happens(0.5 if self.is_dense else 0.3)):
                fields[path] = [{"exists": False}] if fields and self.happens(0.15) else self.alternatives(value)
                elements.update(there)
        if not fields or self.happens(0.2):
            path = ".".join(self.keys(self.chance.randint(1, 2)))
            fields.setdefault(path, [{"exists": False}] if self.happens(0.7) else self.alternatives(self.scalar()))
        return self.object([(path.split("."), alternatives) for path, alternatives in fields.items()], 0)

    def object(self, fields, level):
        """Fields nested or dotted, some of them in an `$or`."""
        result = {}
        # A branch may not name a key like an operator.
        inside = [field for field in fields if field[0][0] != "prefix"]
        if level < 3 and inside and self.happens(0.25):
            inside = self.chance.sample(inside, self.chance.randint(1, len(inside)))
            fields = [field for field in fields if field not in inside]
            result["$or"] = [
                self.object(self.changed(self.chance.sample(inside, self.chance.randint(1, len(inside)))), level + 1)
                for _ in range(self.one([2, 2, 3]))]
        while fields:
            names, alternatives = fields.pop()
            if len(names) == 1 or self.happens(0.3):
                result.setdefault(".".join(names), alternatives)
                continue
            group = [field for field in fields if len(field[0]) > 1 and field[0][0] == names[0]]
            fields = [field for field in fields if field not in group]
            below = [(inner[1:], wanted) for inner, wanted in [*group, (names, alternatives)]]
            result.setdefault(names[0], self.object(below, level + 1))
        return shuffled(result, self.chance)

    def changed(self, fields):
        return [
            (names, self.alternatives(self.scalar()) if self.happens(0.35) else alternatives)
            for names, alternatives in fields]

    def alternatives(self, value):
        wanted = [self.fitting(value if self.happens(0.92) else self.scalar())]
        while self.happens(0.25):
            wanted.append({"exists": False} if self.happens(0.3) else self.fitting(self.scalar()))
        self.chance.shuffle(wanted)
        return wanted

    def fitting(self, value):
        """An alternative that the value satisfies."""
        kind = self.chance.random()
        if kind < 0.4:
            return Number(self.respelled(value.text)) if isinstance(value, Number) else value
        if kind < 0.47:
            return {"exists": True}
        if kind < 0.55:
            return self.excluding()
        if isinstance(value, Number) and value.finite:
            return {"numeric": self.range(value)}
        if isinstance(value, str):
            name = self.one(["prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"])
            return {name: self.text_operand(name, value)}
        return value

    def respelled(self, text):
        return self.one(next((spellings for spellings in NUMBERS if text in spellings), [text]))

    def text_operand(self, name, value):
        start = self.chance.randint(0, len(value))
        part = value[:start] if name == "prefix" else value[start:] if name == "suffix" else value
        if name == "cidr":
            return self.one(BLOCKS)
        if name == "wildcard":
            return self.wildcard(value)
        if name == "equals-ignore-case":
            return self.recased(value)
        return {"equals-ignore-case": self.recased(part)} if self.happens(0.3) else part

    def recased(self, text):
        if text and self.happens(0.3):
            alike = next((letters for letters in LOOKALIKES if text[0] in letters), text[0])
            text = self.one(alike) + text[1:]
        other = self.one([text.upper(), text.lower(), text.swapcase(), text])
        return other if len(other) == len(text) else text

    def wildcard(self, value):
        """The text with some runs of it as a star."""
        pieces, at = [], 0
        while at < len(value):
            if self.happens(0.3) and pieces[-1:] != ["*"]:
                pieces.append("*")
                at = max(0, at + self.chance.randint(-1, 3))  # A step back makes literals overlap in the text.
            else:
                pieces.append(("\\" if value[at] in "*\\" else "") + value[at])
                at += 1
        return "".join(pieces)

    def excluding(self):
        count = self.one([1, 1, 2, 3])
        if self.happens(0.5):
            return {"anything-but": self.one_or_list([self.one(STRINGS) for _ in range(count)])}
        if self.happens(0.4):
            return {"anything-but": self.one_or_list([Number(self.one(self.one(NUMBERS))) for _ in range(count)])}
        name = self.one(["prefix", "suffix", "equals-ignore-case", "wildcard"])
        texts = [self.one(STRINGS[1:]) for _ in range(count)]
        operands = [self.wildcard(text) if name == "wildcard" else text for text in texts]
        return {"anything-but": {name: self.one_or_list(operands)}}

    def one_or_list(self, values):
        return values[0] if len(values) == 1 and self.happens(0.6) else values

    def range(self, value):
        other = Number(self.one(self.one(NUMBERS)))
        if self.happens(0.3):
            return ["=", Number(self.respelled(value.text))]
        if other.value == value.value:
            return [self.one([">=", "<="]), other]
        low, high = sorted([value, other], key=lambda number: number.value)
        if self.happens(0.5):
            return [self.one([">", ">="]), low, self.one(["<", "<="]), high]
        return [self.one(["<", "<="]), high] if self.happens(0.5) else [self.one([">", ">="]), low]

    def wide(self):
        """A pattern of many fields, and events whose elements differ in the few fields that are not free."""
        keys = [f"k{number}" for number in range(self.one([61, 62, 63, 64, 65, 66, 90]))]
        free = [True, False]
        alike = {key: self.happens(0.5) for key in keys}
        element = {**alike, **{key: self.happens(0.5) for key in self.chance.sample(keys, 4)}}
        wanted = {
            key: [value] if alike[key] != value or self.happens(0.05) else free for key, value in element.items()}
        for key in self.chance.sample(keys, 3):
            wanted[key] = [*wanted[key], {"exists": False}]
        numbers = [Number(str(number)) for number in range(4)]
        rule = {"l": shuffled(wanted, self.chance), "m": {"a": ["x"], "b": [self.one(numbers)]}}
        events = [
            {"l": [self.near(self.one([element, alike])) for _ in range(4)],
             "m": [{"a": "x", "b": number} for number in numbers if self.happens(0.9)]} for _ in range(3)]
        return rule, events

    def near(self, element):
        changed = {key: self.happens(0.5) for key in self.chance.sample(list(element), self.one([0, 1, 3]))}
        return {key: value for key, value in {**element, **changed}.items() if self.happens(0.99)}

    # What is wrong.

    def wrong_rule(self, event):
        """The text of a rule with one fault."""
        rule = self.rule(event)
        kind = self.chance.randint(0, 3)
        if kind == 0:
            return self.wrong_text(write(rule, self.chance))
        if kind == 1:
            faults = [
                {"$or": [{"a": ["x"]}]}, {"$or": []}, {"$or": {"a": ["x"]}}, {"$or": ["x", {"a": ["x"]}]},
                {"$or": [{"a": ["x"]}, {}]}, {"$or": [{"prefix": ["x"]}, {"a": ["x"]}]}, {"z": {}}, {"z": []},
                {"z": "x"}, {"z": {"y": None}}, {"z": ["x"], "$or": [{"a": ["x"]}, {"z": ["y"]}]},
                {"y": {"z": ["x"]}, "$or": [{"a": ["x"]}, {"y.z": ["y"]}]},
                {"y": {"z": ["x"], "$or": [{"z": ["x"]}, {"x": ["y"]}]}}, product(1001)]
            return write(shuffled({**rule, **self.one(faults)}, self.chance), self.chance)
        return write({**rule, "z": [*self.alternatives("x"), self.one(WRONG_ALTERNATIVES)]}, self.chance)

    def odd_rule(self):
        """The text of a rule with an operand of any kind: right or wrong."""
        operand = self.one([
            self.value(2), [self.scalar(), self.scalar()], {self.one(OPERATORS): self.value(3)}, self.one(BLOCKS),
            [self.one([">", "<", ">=", "<=", "="]), self.number(), self.one(["<", "<="]), self.number()],
            [self.one([">", "<", ">=", "<=", "="]), self.number()], "".join(self.one("a*\\") for _ in range(3))])
        return write({self.one(["a", "$or", "p.a"]): [{self.one(OPERATORS): operand}]}, self.chance)

    def wrong_event(self):
        return self.one([
            self.wrong_text, self.wrong_text, lambda text: f"[{text}]", lambda text: '"x"', lambda text: "null"
        ])(write(self.event(), self.chance))

    def wrong_text(self, text):
        """A text of an object that is none any more."""
        members = [
            '"z":["x"],"z":["x"]', '"z":["\\ud800"]', '"z":["\\udc00\\ud800"]', '"\\udfff":["x"]', '"z":[01]',
            '"z":[+1]', '"z":[1.]', '"z":[.5]', '"z":[NaN]', '"z":[-Infinity]', '"z":["a\tb"]', '"z":["\\x"]',
            '"z":["\\u12"]', '"z":[tru]', "'z':['x']", '"z":["x"] "y":["x"]', '"z":' + "[" * 64 + "1" + "]" * 64,
            '"z":' + '{"z":' * 63 + "[1]" + "}" * 63]
        faults = [
            "", text[:-1], text + " x", text + text, "\ufeff" + text, "//\n" + text, text.replace("{", "{,", 1),
            text[:-1] + ",}", text.replace("{", "{a:1,", 1), *(self.with_member(text, member) for member in members)]
        return self.one(faults)

    def with_member(self, text, member):
        return text[:-1] + ("" if text[1:-1].strip() == "" else ",") + member + "}"


def product(combinations):
    """A rule of so many combinations, 1,000 or a few more: two lists that multiply, or one that adds up."""
    if combinations > 1000:
        return {"u": {"$or": [{f"f{n}": ["x"]} for n in range(combinations)]}}
    return {
        name: {"$or": [{f"f{n}": ["x"]} for n in range(count)]}
        for name, count in [("u", 25), ("v", combinations // 25)]}


def shuffled(members, chance):
    pairs = list(members.items())
    chance.shuffle(pairs)
    return dict(pairs)
