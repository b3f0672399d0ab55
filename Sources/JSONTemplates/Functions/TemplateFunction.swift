/// A function that an expression can call.
package enum TemplateFunction: Sendable {
    case builtin(Builtin)
    case host(HostFunction)

    var name: String {
        switch self {
        case .builtin(let builtin): builtin.rawValue
        case .host(let function): function.name
        }
    }
}

/// A function which the program gives to its templates beside those of JSON-e.
package struct HostFunction: Sendable {
    /// - Throws: a `TemplateError`; `HostFunction.badArguments` where the arguments do not fit.
    package typealias Body =
        @Sendable (inout Budget, [TemplateValue]) throws(TemplateError) -> TemplateValue

    package let name: String
    let body: Body

    package init(_ name: String, _ body: @escaping Body) {
        self.name = name
        self.body = body
    }
}

/// The host functions by name.
package struct HostFunctions: Sendable {
    private var table: [String: HostFunction] = [:]

    package init(_ functions: [HostFunction] = []) { for function in functions { table[function.name] = function } }

    subscript(name: String) -> HostFunction? { table[name] }

    package func adding(_ others: HostFunctions) -> HostFunctions { adding(Array(others.table.values)) }

    package func adding(_ functions: [HostFunction]) -> HostFunctions {
        var sum = self
        for function in functions { sum.table[function.name] = function }
        return sum
    }
}
