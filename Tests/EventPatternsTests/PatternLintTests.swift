import EventPatterns
import JSON
import Testing

struct PatternLintTests {
    /// Offsets and messages of all fields' lints.
    private func lints(_ text: String) throws -> [String] {
        let node = try JSONNode.parse(Array(text.utf8))
        let pattern = try EventPattern.parse(node)
        return PatternOutline(pattern, node).fields.flatMap(PatternLint.lint).map {
            "\($0.offset) \($0.path): \($0.message)"
        }
    }

    @Test(arguments: [
        (
            #"{"a":["x",{"wildcard":"a\\*b"}]}"#,
            #"10 a: this wildcard has no star, so it fits one value: write "a*b", or put a * where text may stand"#
        ),
        (
            #"{"a":[{"anything-but":"x"},{"anything-but":["y","z"]}]}"#,
            #"27 a: two anything-buts in one list fit every value: write {"anything-but": ["x", "y", "z"]}"#
        ),
        (
            #"{"a":[{"anything-but":5},{"anything-but":6},{"exists":false}]}"#,
            #"25 a: two anything-buts in one list fit every value: write {"anything-but": [5, 6]}"#
        ),
        (
            #"{"a":[{"anything-but":{"prefix":"x"}},{"anything-but":{"prefix":"y"}}]}"#,
            #"38 a: two anything-buts in one list fit every value: write {"anything-but": {"prefix": ["x", "y"]}}"#
        ),
        (
            #"{"a":[{"anything-but":"x*"},{"anything-but":{"prefix":"y"}}]}"#,
            #"28 a: two anything-buts in one list fit every value: write "#
                + #"{"anything-but": {"wildcard": ["x\\*", "y*"]}}"#
        ),
        (
            #"{"a":[{"anything-but":"x"},{"anything-but":5}]}"#,
            "27 a: two anything-buts in one list fit every value: write one anything-but that names all"
        ),
        (
            #"{"a":[{"anything-but":{"equals-ignore-case":"X"}},{"anything-but":"y"}]}"#,
            "50 a: two anything-buts in one list fit every value: write one anything-but that names all"
        ),
        (
            #"{"a":[{"anything-but":{"prefix":"x"}},{"anything-but":{"suffix":"y"}}]}"#,
            "38 a: two anything-buts in one list keep out only what both do: write "
                + #"{"anything-but": {"wildcard": ["x*", "*y"]}}"#
        ),
        (
            #"{"a":[{"anything-but":["x","y"]},{"anything-but":["y","z"]}]}"#,
            "33 a: two anything-buts in one list keep out only what both do: write "
                + #"{"anything-but": ["x", "y", "y", "z"]}"#
        ),
        (
            // Not x… or not x: that is not x.
            #"{"a":[{"anything-but":{"prefix":"x"}},{"anything-but":"x"}]}"#,
            #"6 a: {"anything-but":"x"} fits all that this does: take this out"#
        ),
        (
            #"{"a":[{"anything-but":["x","y"]},"y",{"prefix":"x"}]}"#,
            "6 a: what this keeps out stands beside it, so the list fits every value: "
                + #"write {"exists": true} if that is meant"#
        ),
        (
            #"{"a":[{"anything-but":"x"},"x",{"exists":false}]}"#,
            "6 a: what this keeps out stands beside it, so the list fits every value: take the field out"
        ),
        (
            #"{"a":[{"exists":false},{"exists":true}]}"#,
            "23 a: this list fits every event: take the field out"
        ),
        (#"{"a":["x",1,"x"]}"#, #"12 a: "x" is named twice: one is enough"#),
        (#"{"a":["x",{"exists":true}]}"#, #"6 a: {"exists":true} fits all that this does: take this out"#),
        (#"{"a":["xy",{"prefix":"x"}]}"#, #"6 a: {"prefix":"x"} fits all that this does: take this out"#),
        (#"{"a":[{"prefix":"x"},{"prefix":"x"}]}"#, #"21 a: {"prefix":"x"} fits all that this does: take this out"#),
        (
            #"{"a":[{"numeric":[">",5]},7]}"#,
            #"26 a: {"numeric":[">",5]} fits all that this does: take this out"#
        ),
        (
            #"{"$or":[{"b":[1]},{"c":{"a.d":["q","q"]}}]}"#,
            #"35 c.a.d: "q" is named twice: one is enough"#
        ),
    ])
    func whatIsProbablyNotMeantIsSaidWithItsPlaceAndTheFix(pattern: String, expected: String) throws {
        #expect(try lints(pattern) == [expected])
    }

    @Test(arguments: [
        #"{"a":["x","y",1,2,true,null]}"#,
        #"{"a":["x",{"exists":false}],"b":[{"exists":true}],"c":[{"exists":false}]}"#,
        #"{"a":[{"anything-but":["x","y"]},{"exists":false}]}"#,
        #"{"a":[{"anything-but":{"prefix":"x"}},"xy"]}"#,
        #"{"a":[{"prefix":"x"},{"suffix":"x"},"y"]}"#,
        #"{"a":[{"wildcard":"a*"},{"wildcard":"*b*"},{"cidr":"10.0.0.0/8"}]}"#,
        #"{"a":[{"numeric":["<",5]},{"numeric":[">",5]},5]}"#,
        #"{"a":[{"equals-ignore-case":"x"},{"prefix":{"equals-ignore-case":"y"}},"1",1]}"#,
        #"{"a":[{"prefix":"X"},{"prefix":{"equals-ignore-case":"y"}},{"equals-ignore-case":"x"}]}"#,
        // The same scalars, and not canonically equivalent ones.
        #"{"a":["\u00e9","e\u0301"]}"#,
    ])
    func whatMakesSenseIsLeftAlone(pattern: String) throws {
        #expect(try lints(pattern) == [])
    }

    @Test func longListsAreNotComparedAtLength() throws {
        func list(_ letter: String, _ count: Int) -> String {
            "[" + (0..<count).map { "\"\(letter)\($0)\"" }.joined(separator: ",") + "]"
        }
        func two(_ count: Int) -> String {
            #"{"a":[{"anything-but":\#(list("x", count))},{"anything-but":\#(list("y", count))}]}"#
        }
        let names = "write one anything-but that names all"
        #expect(try lints(two(100)).first?.hasSuffix("fit every value: \(names)") == true)
        // Still true, and said without a comparison.
        #expect(try lints(two(20_000)).first?.hasSuffix("keep out only what both do: \(names)") == true)
        let prefixes = list("x", 20_000).replacing(",", with: "},{\"prefix\":").dropFirst().dropLast()
        #expect(try lints(#"{"a":[{"prefix":\#(prefixes)}]}"#) == [])
    }
}

struct PatternKeysTests {
    private func areSame(_ left: String, _ right: String) throws -> Bool {
        var keys = PatternKeys()
        let patterns = try [left, right].map { try EventPattern.parse(JSONNode.parse(Array($0.utf8))) }
        let areSame = keys.key(of: patterns[0]) == keys.key(of: patterns[1])
        #expect(!areSame || patterns[0].roughHash == patterns[1].roughHash)
        return areSame
    }

    @Test(arguments: [
        (#"{}"#, #"{}"#),
        (#"{"a":["x","y"],"b":[1]}"#, #"{"b":[1.0],"a":["y","x","y"]}"#),
        (#"{"t":{"a":["x"]}}"#, #"{"t.a":["x"]}"#),
        (#"{"$or":[{"a":[1]},{"b":[2]}]}"#, #"{"$or":[{"b":[2]},{"a":[1]}]}"#),
        (#"{"t":{"$or":[{"a":[1]},{"b":[2]}]}}"#, #"{"$or":[{"t.a":[1]},{"t.b":[2]}]}"#),
        (#"{"a":[{"anything-but":["x","y"]}]}"#, #"{"a":[{"anything-but":["y","x"]}]}"#),
        (#"{"a":[{"wildcard":"x*"},{"wildcard":"y"}]}"#, #"{"a":["y",{"prefix":"x"}]}"#),
        (#"{"a":[{"equals-ignore-case":"X"}]}"#, #"{"a":[{"equals-ignore-case":"x"}]}"#),
    ])
    func patternsThatSayTheSameHaveOneKey(left: String, right: String) throws {
        #expect(try areSame(left, right))
    }

    @Test(arguments: [
        (#"{}"#, #"{"a":[1]}"#),
        (#"{"a":[1]}"#, #"{"b":[1]}"#),
        (#"{"a":[1]}"#, #"{"a":["1"]}"#),
        (#"{"a":[1]}"#, #"{"a":[1,{"exists":false}]}"#),
        (#"{"a":[1],"b":[2]}"#, #"{"$or":[{"a":[1]},{"b":[2]}]}"#),
        (#"{"a":[{"prefix":"x"}]}"#, #"{"a":[{"suffix":"x"}]}"#),
        (#"{"a":["\u00e9"]}"#, #"{"a":["e\u0301"]}"#),
        (#"{"a":[1e400]}"#, #"{"a":[2e400]}"#),
        (#"{"a":[{"numeric":[">",1]}]}"#, #"{"a":[{"numeric":[">=",1]}]}"#),
        (#"{"a":[{"cidr":"10.0.0.0/8"}]}"#, #"{"a":[{"cidr":"10.0.0.0/9"}]}"#),
    ])
    func patternsThatDifferHaveTwo(left: String, right: String) throws {
        #expect(try !areSame(left, right))
    }
}
