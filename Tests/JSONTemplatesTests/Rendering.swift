import JSON
import JSONTemplates

/// 2017-01-19T16:27:20.974Z
let testTime: Int64 = 1_484_843_240_974

/// Renders a template text in a context text; the result as JSON text, "deleted", or the error's text.
func rendered(
    _ template: String, _ context: String = "{}", functions: HostFunctions = .standard,
    limits: Budget.Limits = Budget.Limits()
) -> String {
    do {
        let template = Template(try JSONNode.parse(Array(template.utf8)))
        let result = try template.render(try contextOf(context), functions: functions, now: testTime, limits: limits)
        return result.map { JSONSerializer.text($0) } ?? "deleted"
    } catch {
        return "\(error)"
    }
}

/// Evaluates an expression in a context text; the value as JSON text, or the error's text.
func evaluated(_ expression: String, _ context: String = "{}") -> String {
    do {
        let value = try Expression.parse(expression).evaluate(
            try contextOf(context), functions: .standard, now: testTime)
        return JSONSerializer.text(value)
    } catch {
        return "\(error)"
    }
}

func contextOf(_ text: String) throws -> TemplateContext {
    guard case .object(let object) = try JSONValue.parse(Array(text.utf8)) else {
        return try TemplateContext(JSONObject())
    }
    return try TemplateContext(object)
}
