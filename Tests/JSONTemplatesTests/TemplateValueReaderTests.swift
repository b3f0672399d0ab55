import JSON
import JSONTemplates
import Testing

/// An event is read straight into a template's values: by the same rules as everything else, and nothing is lost.
@Suite struct TemplateValueReaderTests {
    @Test(arguments: [
        "{}", "[]", "null", #""""#, "-0.10e+2", " [ true , false , null ] ",
        #"{"a": {"b": [1, 2.0, {"c": []}]}, "d": ""}"#,
        #"{"long enough to stand outside of the string itself": "\u00e9\n\"\\\/ \ud83d\ude00"}"#,
        #"{"\u0061": 12345678901234567890.00, "e\u0301": 1, "é": 2}"#,
    ])
    func givesWhatTheTextHolds(text: String) throws {
        let bytes = Array(text.utf8)
        #expect(try TemplateValue.parse(bytes).json == JSONValue.parse(bytes))
    }

    @Test(arguments: [
        "", "{", "[1", "[1,]", #"{"a" 1}"#, #"{"a": 1, "b": 2, "a": 3}"#, "[] []", "nul", "01", #""\ud800""#, "/**/",
        String(repeating: "[", count: 65), #"{"a": tru}"#,
    ])
    func refusesWhatIsNotJSON(text: String) {
        let bytes = Array(text.utf8)
        let wanted = fault { () throws(JSONError) in _ = try JSONValue.parse(bytes) }
        #expect(wanted != nil)
        #expect(fault { () throws(JSONError) in _ = try TemplateValue.parse(bytes) } == wanted)
    }

    private func fault(_ work: () throws(JSONError) -> Void) -> JSONError? {
        do { try work() } catch { return error }
        return nil
    }

    @Test func aContextKeepsGivenNamesAndAlwaysHasTheOthers() throws {
        func members(_ text: String) throws -> [TemplateFields.Member] {
            guard case .object(let fields) = try TemplateValue.parse(Array(text.utf8)) else { return [] }
            return fields.members
        }
        let event = #"{"id": 2, "zone": 7, "link": "@a", "now": 3, "no name": 4, "more": 5}"#
        let context = TemplateContext(
            given: try members(#"{"id": 1}"#), always: try members(#"{"zone": "none", "link": "", "user": "nobody"}"#),
            others: TemplateFields(try members(event))
        ) { place, value in
            if case .string = value, place < 2 { value } else { nil }
        }
        let template = Template(
            try JSONNode.parse(Array(#"{"$eval": "[id, zone, link, user, more, now, defined('no name')]"}"#.utf8)))
        let json = try template.json(context, now: 0)
        #expect(
            json.map { String(decoding: $0, as: UTF8.self) }
                == #"[1,"none","@a","nobody",5,"1970-01-01T00:00:00.000Z",false]"#)
    }
}
