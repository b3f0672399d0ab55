import Testing

@Suite struct NumberTextTests {
    static let id = "123456789012345678901234567890"

    @Test(arguments: [
        ("\"${id}\"", "\"\(id)\""), (#"{"$eval": "id"}"#, id), (#"{"$eval": "[id][0]"}"#, "\(id)"),
        (#"{"$eval": "str(id)"}"#, "\"\(id)\""), (#"{"$json": {"$eval": "id"}}"#, "\"\(id)\""),
        (#"{"$eval": "min(id, id)"}"#, id), (#"{"$eval": "number(str(id))"}"#, id), (#"{"$eval": "+id"}"#, id),
        (#"{"$map": [1], "each(x)": {"$eval": "id"}}"#, "[\(id)]"), (#"{"$eval": "join([id], '')"}"#, "\"\(id)\""),
        (#"{"$sort": [{"$eval": "id"}, 2]}"#, "[2,\(id)]"), ("[1.0, 1e3, -0, 1.50]", "[1.0,1e3,-0,1.50]"),
        ("\"${half}\"", "\"0.50\""),
    ])
    func numbersThatNoArithmeticTouchedKeepTheirSpelling(template: String, result: String) {
        #expect(rendered(template, #"{"id": \#(NumberTextTests.id), "half": 0.50}"#) == result)
    }

    @Test(arguments: [
        ("1.0 + 1", "2"), ("6 / 3", "2"), ("7 / 2", "3.5"), ("0.1 + 0.2", "0.30000000000000004"), ("0 * -1", "0"),
        ("2 ** 53", "9007199254740992"), ("2 ** 53 + 2", "9007199254740994"), ("10 ** 20", "100000000000000000000"),
        ("10 ** 21", "1e+21"), ("10 ** -7", "1e-07"), ("-(10 ** 20)", "-100000000000000000000"),
        ("1598615831871 * 1000000", "1598615831871000000"), ("2 ** 0.5", "1.4142135623730951"), ("-7 / 2", "-3.5"),
        ("1 / 3", "0.3333333333333333"), ("0777", "777"), ("00.5", "0.5"), ("0", "0"), ("000", "0"),
    ])
    func resultsOfArithmeticAreWrittenShort(expression: String, text: String) {
        #expect(evaluated(expression) == text)
    }

    @Test(arguments: ["10 ** 400", "(0 - 8) ** 0.5", "huge * 10", "0 ** -1", "-huge"])
    func whatLeavesTheRangeOfADoubleIsAnError(expression: String) {
        #expect(evaluated(expression, #"{"huge": 1e400}"#).hasSuffix("is not a finite number"))
    }

    @Test(arguments: [
        ("id == 123456789012345678901234567891", "false"), ("id == 123456789012345678901234567890", "true"),
        ("id < 123456789012345678901234567891", "true"), ("-1 < id", "true"), ("id in [id]", "true"),
        ("negative < id", "true"), ("negative < 0 - 1", "true"), ("negative < shorter", "true"), ("1 == 1.0", "true"),
    ])
    func longIdsAreComparedByAllTheirDigits(expression: String, answer: String) {
        let context = """
            {"id": \(NumberTextTests.id), "negative": -\(NumberTextTests.id), "shorter": -12345678901234567}
            """
        #expect(evaluated(expression, context) == answer)
    }

    @Test(arguments: [("'007'", "7"), ("'+5'", "5"), ("'5.'", "5"), ("'1.50'", "1.50"), ("'1e2'", "1e2")])
    func numberReadsWhatPeopleWrite(text: String, number: String) {
        #expect(evaluated("number(\(text))") == number)
    }

    @Test(arguments: ["''", "'abc'", "'inf'", "'nan'", "'0x10'", "' 1'", "'1 000'"])
    func numberRefusesWhatIsNoNumber(text: String) {
        #expect(evaluated("number(\(text))") == "BuiltinError: invalid arguments to builtin: number")
    }
}
