package import JSON

/// An expression by itself, for conditions outside of templates.
package struct Expression: Sendable {
    private let node: ExpressionNode

    /// - Throws: the first syntax fault.
    package static func parse(_ source: String) throws(TemplateError) -> Expression {
        Expression(node: try ExpressionParser.parse(source))
    }

    /// The value, or an error where it is or has a function.
    package func evaluate(
        _ context: TemplateContext, functions: HostFunctions = HostFunctions(), now: Int64,
        limits: Budget.Limits = Budget.Limits()
    ) throws(TemplateError) -> JSONValue {
        var renderer = Renderer(functions: functions, now: now, limits: limits)
        guard let value = try renderer.evaluate(node, Scope(context.fields)).json else { throw .uncalledFunction }
        return value
    }

    /// Whether the value counts as true: all but null, false, 0 and what is empty.
    package func isTrue(
        _ context: TemplateContext, functions: HostFunctions = HostFunctions(), now: Int64,
        limits: Budget.Limits = Budget.Limits()
    ) throws(TemplateError) -> Bool {
        var renderer = Renderer(functions: functions, now: now, limits: limits)
        return try renderer.evaluate(node, Scope(context.fields)).isTruthy
    }
}
