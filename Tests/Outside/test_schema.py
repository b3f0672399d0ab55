"""routes.schema.json: it says of a routes file what the decoder says, key by key, and tells what each key is for."""

import json
import os
import pathlib
import re
import subprocess
import sys

import jsonschema
import pytest
import regress

import routes_corpus as corpus
from harness import BINARY, ROOT, SAMPLE

FILE = ROOT / "Sources/GruveoRelay/routes.schema.json"
SCHEMA = json.loads(FILE.read_text())
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
RULES = (ROOT / "docs/rules.md").read_text()
VECTORS = pathlib.Path(os.environ.get("RELAY_VECTORS", ROOT.parent / "shared/vectors")) / "event-patterns.jsonl"
CHECK_JSONSCHEMA = pathlib.Path(sys.executable).parent / "check-jsonschema"


def pattern(_, regex, text, __):
    """Patterns are ECMA 262's; Python's own `$` would let a line end through."""
    if isinstance(text, str) and not regress.Regex(regex, "u").find(text):
        yield jsonschema.ValidationError(f"{text!r} does not match {regex!r}")


VALIDATOR = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": pattern})
JUDGE = VALIDATOR(SCHEMA)


def schema_takes(file):
    try:
        return JUDGE.is_valid(json.loads(file) if isinstance(file, str) else file)
    except ValueError:
        return False


def run(*arguments, **named):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, timeout=60, **named)


def errors(folder, file):
    """The errors that `check` finds in a file, given as text or as what JSON makes of it."""
    path = folder / "routes.json"
    path.write_text(file if isinstance(file, str) else json.dumps(file), encoding="utf-8", errors="surrogatepass")
    done = run("check", "--json", path, env={"A_SHORT_KEY": "short"})
    found = [json.loads(line) for line in done.stdout.splitlines()]
    found = [one for one in found if one["severity"] == "error"]
    assert done.returncode == (78 if found else 0), done.stderr
    return found


def decoder_takes(folder, piece, values):
    """Whether `check` takes each piece. All of one kind stand in one file, for speed."""
    if piece == "file":
        return [not errors(folder, value) for value in values]
    file, paths = corpus.together(piece, values)
    found = [one["path"] for one in errors(folder, file)]
    faulty = {re.match(r"routes\[\d+\]|\w+\.\w+", path)[0] for path in found}
    assert faulty <= set(paths), "a fault of one piece is reported elsewhere"
    return [path not in faulty for path in paths]


# MARK: the schema itself


def test_it_is_valid_draft_07():
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    subprocess.run([CHECK_JSONSCHEMA, "--check-metaschema", FILE], check=True, capture_output=True)


def resolved(schema):
    return SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def described(schema, place):
    """Every key and operator below a schema, by its place."""
    for key, inner in schema.get("properties", {}).items():
        yield f"{place}.{key}", resolved(inner)
        yield from described(inner, f"{place}.{key}")


def everything_described():
    yield from described(SCHEMA, "")
    for name, definition in SCHEMA["definitions"].items():
        # What has a comment instead is a part of other schemas, and described where it is used.
        if "$comment" not in definition:
            yield name, definition
        yield from described(definition, name)


def test_every_key_and_operator_has_a_description_and_examples():
    found = dict(everything_described())
    assert len(found) > 80
    for place, schema in found.items():
        assert schema.get("description", "").endswith("."), place
        assert schema.get("examples"), place


def parts(schema):
    """What a schema is made of, at the same place of a file."""
    for part in schema.get("allOf", []) + schema.get("anyOf", []):
        yield resolved(part)
        yield from parts(resolved(part))


def test_no_part_of_a_key_hides_its_description():
    """VS Code shows the last description that fits."""
    for place, schema in everything_described():
        assert not any("description" in part for part in parts(schema)), place


def test_every_example_and_default_is_valid_where_it_stands():
    for place, schema in everything_described():
        judge = VALIDATOR({**schema, "definitions": SCHEMA["definitions"]})
        for value in [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]:
            assert judge.is_valid(value), (place, value)


# MARK: the schema and the decoder


@pytest.mark.parametrize("piece", list(corpus.PIECES))
def test_schema_and_decoder_take_and_refuse_the_same(piece, tmp_path):
    cases = [case[1:] for case in corpus.cases() if case[0] == piece]
    assert sum(ok for _, _, ok in cases) > 20 and sum(not ok for _, _, ok in cases) > 80
    taken = decoder_takes(tmp_path, piece, [value for _, value, _ in cases])
    for (what, value, ok), decoder in zip(cases, taken):
        assert (decoder, schema_takes(corpus.whole(piece, value))) == (ok, ok), f"(decoder, schema) of {piece}: {what}"


def rule_file(rules):
    routes = ", ".join(f'{{"name": "{n}", "match": {rule}, "to": ["crm"]}}' for n, rule in enumerate(rules))
    return corpus.TEXT.replace(json.dumps(corpus.ROUTE), routes)


def is_plain(rule):
    """Whether a rule's text is one strict JSON value, so that it can stand beside others in one file."""
    def once(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError
        return dict(pairs)
    try:
        return bool(json.dumps(json.loads(rule, object_pairs_hook=once), ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        return False


# The differences that cases of the match language meet, by their groups and names.
VECTOR_DIFFERENCES = {
    "One value beside another": ["numeric: >5 <5", "numeric: >=5 <=5", "numeric: >=5 <=4"],
    "Fields that meet": [
        "or: same field outside, before: branch overrides", "or: same field outside, after: overrides branch",
        "or: same field in both, event has x and b"],
    "Strict JSON": [
        "exact: lone surrogate both", "or: two $or keys (duplicate)", "or: two $or keys: only the second true",
        "dup: rule dup key: last wins?", "dup: rule dup key: last matches", "dup: rule dup nested merges",
        "dup: rule op dup key", "path: leaf and object for the same name (dup)"],
}


@pytest.mark.skipif(not VECTORS.exists(), reason="the cases of the match language are not on this machine")
def test_both_take_the_rules_of_the_match_language_and_refuse_its_faulty_ones(tmp_path):
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    assert len(vectors) >= 370
    plain = [vector for vector in vectors if is_plain(vector["rule"])]
    faulty = {one["path"].partition(".")[0] for one in errors(tmp_path, rule_file(v["rule"] for v in plain))}
    verdicts = [(vector, f"routes[{n}]" not in faulty) for n, vector in enumerate(plain)]
    verdicts += [(vector, not errors(tmp_path, rule_file([vector["rule"]])))
                 for vector in vectors if not is_plain(vector["rule"])]
    differing = set()
    for vector, taken in verdicts:
        assert taken == (vector["expect"] != "RULE-ERR"), vector
        if schema_takes(rule_file([vector["rule"]])) != taken:
            assert not taken, vector
            differing.add(f"{vector['group']}: {vector['name']}")
    assert differing == set(sum(VECTOR_DIFFERENCES.values(), []))
    assert VECTOR_DIFFERENCES.keys() <= corpus.DIFFERENCES.keys()


@pytest.mark.parametrize("name", list(corpus.DIFFERENCES))
def test_the_named_differences_are_there(name, tmp_path):
    for file in corpus.DIFFERENCES[name]:
        assert (bool(errors(tmp_path, file)), schema_takes(file)) == (True, True), file


def test_the_differences_are_documented():
    section = CONFIGURATION.partition("\n## What only `check` sees\n")[2].partition("\n## ")[0]
    assert re.findall(r"^- \*\*(.+?)\.\*\*", section, re.M) == list(corpus.DIFFERENCES)


def test_every_complete_example_is_taken_by_both(tmp_path):
    """An example that its page calls `bad.json` is refused by both."""
    texts = [("", (ROOT / "routes.example.json").read_text())]
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        texts += re.findall(r"(.*)\n\n```json\n([^`]*?)```", document.read_text())
    complete = [(before, text) for before, text in texts if '"sources"' in text]
    assert len(complete) >= 3
    for before, text in complete:
        bad = before.endswith("`bad.json`:")
        # A schema does not read templates.
        assert (not errors(tmp_path, text), schema_takes(text)) == (not bad, not bad or "${link\"" in text), text


# MARK: the keys


def objects(schema, value):
    """Every object of a file that has fixed keys: its place in the file, and the keys that the schema knows there."""
    schema = resolved(schema)
    for choice in schema.get("anyOf", []) + schema.get("allOf", []):
        if VALIDATOR({**resolved(choice), "definitions": SCHEMA["definitions"]}).is_valid(value):
            yield from objects(choice, value)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, inner in enumerate(value):
            yield from ((f"{index}.{place}", keys) for place, keys in objects(schema["items"], inner))
    if isinstance(value, dict):
        if schema.get("additionalProperties") is False:
            yield "", set(schema["properties"])
        for key, inner in value.items():
            below = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if isinstance(below, dict):
                yield from ((f"{key}.{place}", keys) for place, keys in objects(below, inner))


UNKNOWN = "qqqqqqqqqqqqqqqqqqqq"


def decoder_keys(folder, place):
    """The keys that the decoder lists where it meets an unknown one, without those that it refuses."""
    file = json.loads(json.dumps(corpus.FILE))
    corpus.at(file, place)[UNKNOWN] = 1
    listed = [one["message"].partition("the keys here are ")[2] for one in errors(folder, file)]
    keys = set(next(filter(None, listed)).split(", "))
    corpus.at(file, place).pop(UNKNOWN)
    corpus.at(file, place).update({key: 1 for key in keys - corpus.at(file, place).keys()})
    refused = [one["message"] for one in errors(folder, file)]
    return {key for key in keys if f'"{key}" is not supported yet: remove it' not in refused}


def test_schema_and_decoder_know_the_same_keys(tmp_path):
    places = {place.rstrip("."): keys for place, keys in objects(SCHEMA, corpus.FILE) if ".match." not in f".{place}"}
    assert len(places) > 12
    for place, keys in places.items():
        assert decoder_keys(tmp_path, place) == keys, place


def test_schema_and_decoder_know_the_same_operators(tmp_path):
    def allowed(alternative):
        message = errors(tmp_path, corpus.route(match={"a": [alternative]}))[0]["message"]
        return set(message.partition("allowed here: ")[2].split(", "))

    definitions = SCHEMA["definitions"]
    operators = set(definitions["operator"]["properties"])
    assert allowed({UNKNOWN: 1}) == operators == set(definitions["branch"]["propertyNames"]["not"]["enum"])
    assert allowed({"anything-but": {UNKNOWN: 1}}) == set(definitions["noneFits"]["properties"])
    assert allowed({"prefix": {UNKNOWN: 1}}) == set(definitions["ignoringCase"]["properties"])
    assert set(definitions["match"]["properties"]) == {"$or", *corpus.FIELDS} == {"$or", *json.loads(SAMPLE)}
    for operator in operators:
        assert f'{{"{operator}": ' in RULES, operator


def test_every_key_that_the_sources_read_is_in_the_schema_and_no_other():
    """The objects above come from one file; a key of an object that is not in it would be missed there."""
    texts = [path.read_text() for path in (ROOT / "Sources/Relay/Configuration").glob("*.swift")]
    read = {key for text in texts for key in re.findall(r'(?:optional|required)\(\s*"([^"]+)"', text)}
    refused = {key for text in texts for call in re.findall(r"refuseUnsupported\(([^)]*)\)", text)
               for key in re.findall(r'"([^"]+)"', call)}
    assert refused == {place.rpartition(".")[2] for _, place, _ in corpus.NOT_YET}
    language = {"match", "field", "nested", "branch", "alternatives", "operator", "ignoringCase", "noneFits"}
    written = {place.rpartition(".")[2] for place, _ in everything_described()
               if "." in place and place.partition(".")[0] not in language}
    assert read - refused == written
    every = json.loads(re.search(r"```json\n(.*?)```", CONFIGURATION, re.S)[1])
    assert written <= {place.rpartition(".")[2] for place in corpus.places(every)}, "the documentation's complete file"
    section = CONFIGURATION.partition("\n## Not supported yet\n")[2].partition("\n## ")[0]
    assert all(re.search(rf"`(auth\.)?{key}`", section) for key in refused)


# A heading of docs/configuration.md, and the object that its table describes.
TABLES = {
    "Top level": SCHEMA, "A source": SCHEMA["definitions"]["source"],
    "A destination": SCHEMA["definitions"]["destination"],
    "Signing": {"properties": {"sign": SCHEMA["definitions"]["sign"]}}, "OAuth 2": SCHEMA["definitions"]["oauth2"],
    "A route": SCHEMA["definitions"]["route"], "Limits": SCHEMA["properties"]["limits"],
}


def rows(heading):
    """The rows of a table in docs/configuration.md that are about keys: key and default."""
    section = CONFIGURATION.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = section.partition("| key |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        key, _, default, *_ = (cell.strip() for cell in row.strip("|").split("|"))
        yield key.strip("`"), default


def leaves(schema, place=""):
    """The keys of an object as its table names them; where a key's object has rows of its own they stand for it."""
    for key, inner in resolved(schema)["properties"].items():
        inner = resolved(inner)
        if key in ("retry", "tls") or key == "sign" and not schema.get("type"):
            yield from leaves(inner, f"{place}{key}.")
        else:
            yield f"{place}{key}", inner


@pytest.mark.parametrize("heading", list(TABLES))
def test_every_key_is_documented_with_its_default_and_no_other(heading):
    keys = dict(leaves(TABLES[heading]))
    documented = dict(rows(heading))
    if heading == "A source":
        keys["keys[].label"] = SCHEMA["definitions"]["sourceKey"]["properties"]["label"]
    assert documented.keys() == keys.keys()
    for key, cell in documented.items():
        default = re.match(r"`([^`]+)`", cell)
        wanted = keys[key].get("default")
        text = " ".join(wanted) if isinstance(wanted, list) else json.dumps(wanted)
        assert (default[1] if default else None) == (None if wanted is None else text), key


def test_the_keys_of_references_and_auth_are_documented():
    for definition in ("secret", "sourceKey"):
        for key in SCHEMA["definitions"][definition]["properties"]:
            assert f'"{key}"' in CONFIGURATION.partition("\n## Secrets\n")[2] or key == "label", key
    auth = SCHEMA["definitions"]["destination"]["properties"]["auth"]["properties"]
    for key in [*auth, *auth["basic"]["properties"]]:
        assert f'"{key}": ' in CONFIGURATION, key


# MARK: the command


@pytest.mark.release
def test_the_command_prints_exactly_the_file():
    done = run("schema")
    assert (done.returncode, done.stdout, done.stderr) == (0, FILE.read_bytes(), b"")


def test_what_it_prints_checks_a_file_and_names_a_mistake(tmp_path):
    def check(path):
        return subprocess.run([CHECK_JSONSCHEMA, "--schemafile", "-", path], input=run("schema").stdout,
                              capture_output=True, timeout=60)

    good = check(ROOT / "routes.example.json")
    assert good.returncode == 0, good.stdout
    bad = tmp_path / "routes.json"
    bad.write_text(json.dumps(corpus.destination(timeuot="5s")))
    done = check(bad)
    assert done.returncode == 1 and b"timeuot" in done.stdout
