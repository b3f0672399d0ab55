"""Random templates and contexts of JSON-e, mostly well typed, so that most of them render.

Left out are the places where PyPI json-e answers by Python's rules and not by its specification: true is 1 in
comparisons and as an index, 2.0 is no index, numbers with and without fraction are neither sorted nor compared, `min`
of one number that has a fraction, texts of lists and functions. So are whole numbers beyond 2^53.
"""

import random

TEXTS = ["", "a", "b", "abc", "Hello World", "héllo", "\u2622abc\U0001F601", " x ", "a,b,,c", "0", "ключ", "x\ty", "'q'", "{}", "$"]
TOKENS = ["1", "2", "i", "s", "li", "o", "'a'", "x", "in", "null", "len(", "[", "]", "[", "]", "(", ")", "(", ")", "{", "}",
          ",", ":", ".", "+", "-", "*", "/", "**", "==", "!=", "<", ">", "<=", ">=", "&&", "||", "!", "'", "$", "@", " "]
KEYS = ["a", "b", "k", "key", "x y", "é", "$$z", "$1", "1"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = []

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def pick(self, *options):
        return self.random.choice(options)

    def soup(self):
        """A template whose expression is a few tokens in any order."""
        expression = self.pick("", " ").join(self.random.choice(TOKENS) for _ in range(self.random.randint(1, 7)))
        return {"$eval": expression} if self.chance(70) else "a${" + expression + "}b"

    def chain(self):
        """Operands and operators of all precedences; the numbers never give 0 or 1, which Python takes for booleans."""
        operands = self.random.sample(["10", "200", "3000", "40000", "'a'", "'abc'", "[10, 'a']", "[false]", "null"], 5)
        expression = operands[0]
        for operand in operands[1:self.random.randint(2, 5)]:
            expression += f" {self.pick('+', '-', '*', '==', '!=', '<', '>=', 'in', 'in', '&&', '||')} {operand}"
            if self.chance(10):
                expression = f"({expression})"
        return {"$eval": expression}

    # Contexts

    def integer(self):
        return self.pick(2, 3, 5, 7, 12, 183, -4, 1598615831871, self.random.randint(2, 99))

    def fraction(self):
        return self.pick(0.5, 2.25, -1.75, 10.125, 4.2, 0.1)

    def text(self):
        return self.random.choice(TEXTS)

    def context(self):
        few = range(self.random.randint(0, 4))
        return {
            "i": self.integer(), "j": self.integer(), "f": self.fraction(), "s": self.text(), "t": self.text(),
            "b": self.chance(50), "n": None, "li": [self.integer() for _ in few], "ls": [self.text() for _ in few],
            "lo": [{"i": self.integer(), "s": self.text()} for _ in few],
            "o": {"i": self.integer(), "s": self.text(), "c": {"li": [self.integer()], "n": None}},
            "m": [self.integer(), self.text(), None, [self.integer()], {"a": self.text()}],
        }

    # Expressions, by the type of their value

    def expression(self, kind, depth):
        if self.chance(2):
            kind = self.pick("int", "text", "bool", "null", "ints", "texts", "objects", "object")
        return self.exact(kind, depth)

    def exact(self, kind, depth):
        """An expression of no other type, for places where Python's answer to another one is its own."""
        return getattr(self, "of_" + kind)(depth - 1)

    def local(self, kind):
        return [name for name, of in self.names if of == kind]

    def of_int(self, depth):
        leaves = [lambda: str(abs(self.integer())), lambda: "i", lambda: "j", lambda: "o.i", lambda: "o['i']",
                  *[lambda name=name: name for name in self.local("int")]]
        if depth <= 0:
            return self.random.choice(leaves)()
        inner = lambda: self.expression("int", depth)
        return self.pick(
            *leaves,
            lambda: f"{inner()} {self.pick('+', '-')} {inner()}", lambda: f"({inner()})",
            lambda: f"{inner()} * {self.pick('2', '3', 'len(s)')}", lambda: f"-({inner()})",
            lambda: f"+ ({inner()})", lambda: f"({self.pick('2', '3', 'len(ls)')}) ** {self.pick('0', '1', '3')}",
            lambda: f"min({inner()}, {inner()})", lambda: f"max({inner()},{inner()},2)", lambda: f"abs({inner()})",
            lambda: f"len({self.expression(self.pick('text', 'ints', 'texts'), depth)})",
            lambda: f"{self.pick('floor', 'ceil')}({self.expression('float', depth)})",
            lambda: f"({self.expression('ints', depth)})[{self.index(depth)}]",
            lambda: f"[min, max][{self.pick(0, 1)}]({inner()}, 7)",
            lambda: f"({self.expression('object', depth)}).i",
        )()

    def index(self, depth):
        return self.pick("0", "0", "1", "-1", "2", "-2", "len(ls) - 1", "9", "-9")

    def of_float(self, depth):
        if depth <= 0:
            return self.pick("f", "0.5", "2.25", f"number('{self.random.randint(2, 500)}')")
        return self.pick(
            lambda: f"({self.expression('int', depth)}) / {self.pick('4', 'f', 'i')}", lambda: "f",
            lambda: f"{self.expression('float', depth)} {self.pick('+', '-', '*')} ({self.expression('int', depth)})",
            lambda: f"sqrt({self.pick('2', '16', 'abs(i)')})", lambda: "2 ** -1", lambda: "16 ** 0.5",
        )()

    def of_text(self, depth):
        leaves = [lambda: f"'{self.pick('', 'a', 'x y', 'é', ',')}'", lambda: '"b"', lambda: "s", lambda: "t",
                  lambda: "o.s", *[lambda name=name: name for name in self.local("text")]]
        if depth <= 0:
            return self.random.choice(leaves)()
        inner = lambda: self.expression("text", depth)
        return self.pick(
            *leaves, lambda: f"{inner()} + {inner()}", lambda: f"({inner()})[{self.index(depth)}]",
            lambda: f"({inner()})[{self.slice()}]", lambda: f"str({self.expression(self.pick('int', 'text', 'bool', 'null'), depth)})",
            lambda: f"{self.pick('lowercase', 'uppercase', 'strip', 'lstrip', 'rstrip')}({inner()})",
            lambda: f"join({self.exact(self.pick('ints', 'texts'), depth)}, {inner()})",
            lambda: f"typeof({self.any(depth)})", lambda: f"fromNow('{self.offset()}')",
            lambda: f"({self.expression('texts', depth)})[{self.index(depth)}]", lambda: f"({self.expression('object', depth)}).s",
        )()

    def offset(self):
        units = [self.pick("y", " years"), self.pick("mo", "month"), self.pick("w", " wk"), self.pick("d", " days "),
                 self.pick("h", "hours"), self.pick("m", "min"), self.pick("s", " seconds")]
        chosen = [unit for unit in units if self.chance(30)]
        return self.pick("", "-", "+", "- ") + " ".join(f"{self.random.randint(0, 90)}{unit}" for unit in chosen)

    def slice(self):
        return self.pick("", "0", "1", "-1", "-3", "5") + ":" + self.pick("", "0", "1", "-1", "3", "-9")

    def of_null(self, depth):
        return self.pick("null", "n", "o.c.n", "o['missing']")

    def of_bool(self, depth):
        if depth <= 0:
            return self.pick("b", "true", "false", "n", "ls")
        kind = self.pick("int", "text")
        return self.pick(
            lambda: f"{self.expression(kind, depth)} {self.pick('<', '>', '<=', '>=', '==', '!=')} {self.expression(kind, depth)}",
            lambda: f"{self.expression('bool', depth)} {self.pick('&&', '||')} {self.any(depth)}",
            lambda: f"!({self.any(depth)})", lambda: f"{self.expression('text', depth)} in {self.expression(self.pick('text', 'texts', 'object'), depth)}",
            lambda: f"{self.exact('int', depth)} in {self.exact('ints', depth)}",
            lambda: f"{self.any(depth, True)} {self.pick('==', '!=')} {self.any(depth, True)}",
            lambda: f"defined('{self.pick('i', 'nope', 'min', 'now')}')",
        )()

    def of_ints(self, depth):
        if depth <= 0:
            return self.pick("li", "o.c.li", "[2, 3]", "[]", *self.local("ints"))
        return self.pick(
            lambda: "li", lambda: "[" + ", ".join(self.exact("int", depth) for _ in range(self.random.randint(0, 3))) + "]",
            lambda: f"range({self.pick('0', '2', '-2')}, {self.pick('4', 'len(s)', '9')}{self.pick('', ', 2', ', -1')})",
            lambda: f"({self.exact('ints', depth)})[{self.slice()}]",
        )()

    def of_texts(self, depth):
        if depth <= 0:
            return self.pick("ls", "['a', 's']", "[]", *self.local("texts"))
        return self.pick(
            lambda: "ls", lambda: f"split({self.exact('text', depth)}, {self.exact('text', depth)})",
            lambda: "[" + ",".join(self.exact("text", depth) for _ in range(self.random.randint(0, 3))) + "]",
            lambda: f"({self.exact('texts', depth)})[{self.slice()}]",
        )()

    def of_objects(self, depth):
        return self.pick(lambda: "lo", lambda: f"[{self.expression('object', depth)}]", lambda: "lo[1:]")()

    def of_object(self, depth):
        if depth <= 0:
            return self.pick("o", "{i: 4, s: 'z'}", *self.local("object"))
        return self.pick(
            lambda: "o", lambda: f"{{i: {self.expression('int', depth)}, 's': {self.expression('text', depth)}{self.pick('', ',')}}}",
            lambda: f"({self.expression('objects', depth)})[{self.index(depth)}]",
        )()

    def any(self, depth, unlike_bool=False):
        kinds = ["int", "text", "null", "ints", "texts", "object", "objects"] + ([] if unlike_bool else ["bool", "float"])
        return self.expression(self.random.choice(kinds), depth)

    # Templates

    def template(self, depth=4):
        if depth <= 0 or self.chance(12):
            return self.pick(lambda: self.integer(), lambda: self.text(), lambda: None, lambda: self.chance(50),
                             lambda: self.interpolated(1), lambda: {"$eval": self.any(2)})()
        return self.pick(
            self.object_template, self.object_template, self.list_template, lambda d: self.interpolated(d),
            lambda d: {"$eval": self.any(d)}, self.condition, self.letting, self.map, self.map, self.reduce, self.find,
            self.match, self.choose, self.merge, self.sort, self.flatten, self.broken,
            lambda d: {"$json": self.template(d)}, lambda d: {"$reverse": self.a_list(d)},
            lambda d: {"$fromNow": self.pick(self.offset(), "${'1 d'}"), **({"from": "2019-03-01T00:00:00.5Z"} if self.chance(30) else {})},
        )(depth - 1)

    def interpolated(self, depth):
        parts = []
        for _ in range(self.random.randint(1, 3)):
            parts.append(self.pick(self.text, lambda: "$${x}", lambda: "${" + self.scalar(depth) + "}", lambda: "${ " + self.scalar(depth) + " }")())
        return "".join(parts)

    def scalar(self, depth):
        return self.expression(self.pick("int", "text", "text", "bool", "null"), depth)

    def object_template(self, depth):
        keys = self.random.sample(KEYS, self.random.randint(0, 3))
        members = {key: self.template(depth) for key in keys}
        if self.chance(20):
            members["${" + self.expression("text", 1) + "}"] = self.template(depth)
        return members

    def list_template(self, depth):
        return [self.template(depth) for _ in range(self.random.randint(0, 3))]

    def a_list(self, depth):
        return self.pick(lambda: self.list_template(depth), lambda: {"$eval": self.expression(self.pick("ints", "texts", "objects"), depth)})()

    def condition(self, depth):
        members = {"$if": self.expression("bool", depth)}
        for key in ("then", "else"):
            if self.chance(70):
                members[key] = self.template(depth)
        return members

    def bound(self, names, make):
        """Makes something in which more names are known."""
        self.names += names
        made = make()
        del self.names[len(self.names) - len(names):]
        return made

    def letting(self, depth):
        kinds = {"v": "int", "w": "text"}
        values = {name: {"$eval": self.exact(kind, depth)} for name, kind in kinds.items()}
        if self.chance(20):
            values["${'u'}"] = self.template(depth)
        return {"$let": values, "in": self.bound(list(kinds.items()), lambda: self.template(depth))}

    def elements(self, depth):
        kind = self.pick("int", "text", "object")
        return kind, {"$eval": self.expression(kind + "s", depth)}

    def map(self, depth):
        if self.chance(25):
            body = self.bound([("v", "int"), ("k", "text")], lambda: {"${k}": self.template(depth), **({"z": {"$eval": "k"}} if self.chance(30) else {})})
            return {"$map": self.pick({"p": 4, "q": "r"}, {"$eval": "o"}), "each(v,k)": body}
        kind, values = self.elements(depth)
        names = [("x", kind)] + ([("y", "int")] if self.chance(40) else [])
        return {"$map": values, "each(" + ",".join(name for name, _ in names) + ")": self.bound(names, lambda: self.template(depth))}

    def reduce(self, depth):
        kind, values = self.elements(depth)
        body = self.bound([("acc", "text"), ("x", kind), ("y", "int")], lambda: {"$eval": "acc + " + self.expression("text", 2)})
        return {"$reduce": values, "each(acc, x, y)": body, "initial": self.text()}

    def find(self, depth):
        kind, values = self.elements(depth)
        return {"$find": values, "each(x)": self.bound([("x", kind)], lambda: self.expression("bool", depth))}

    def cases(self, depth, delete):
        make = self.template if delete else lambda d: {"$eval": self.any(d)}
        return {self.expression("bool", 2): make(depth) for _ in range(self.random.randint(0, 3))}

    def match(self, depth):
        return {"$match": self.cases(depth, delete=False)}

    def choose(self, depth):
        cases = self.cases(depth, delete=True)
        if self.chance(50):
            cases["$default"] = self.template(depth)
        return {"$switch": cases}

    def merge(self, depth):
        objects = [self.pick(lambda: self.object_template(depth), lambda: {"$eval": self.expression("object", depth)})() for _ in range(3)]
        return {self.pick("$merge", "$mergeDeep"): objects}

    def sort(self, depth):
        if self.chance(50):
            return {"$sort": {"$eval": "lo"}, "by(x)": self.pick("x.i", "x.s", "x.i * 0 - x.i", "x['s']", "x")}
        return {"$sort": {"$eval": self.expression(self.pick("ints", "texts"), depth)}}

    def flatten(self, depth):
        lists = [self.a_list(depth) for _ in range(self.random.randint(0, 3))]
        return {self.pick("$flatten", "$flattenDeep"): lists + self.pick([], [4])}

    def broken(self, depth):
        if self.chance(60):
            return self.template(depth)
        return self.pick(
            {"$eval": self.pick("i +", "(i", "i j", "[1,", "'a", "@", "i.", "1.2.3", "nope", "o.nope", "i.x", "min('a')")},
            {"$map": 4, "each(x)": 1}, {"$if": "true", "than": 1}, {"$unknown": 1}, {"$let": {"a b": 1}, "in": 1},
            {"$eval": "min"}, "${li}", "${i", {"$sort": [[1]]}, {"$flatten": 1}, {"$eval": "1", "$if": "1"},
            {"$json": {"$eval": "[min]"}}, {"$merge": [4]}, {"$reduce": [4], "initial": 1}, {"$find": {}, "each(x)": "x"},
        )
