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
package final class HostFunction: Sendable {
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
    private let table: TemplateFields

    package init(_ functions: [HostFunction] = []) { self.init(FieldsBuilder(), functions) }

    private init(_ others: FieldsBuilder, _ functions: [HostFunction]) {
        var fields = others
        for function in functions { fields.set(function.name, .function(.host(function))) }
        table = TemplateFields(fields)
    }

    /// The names of all that a template may call: these functions and those of JSON-e.
    package var names: [String] { Builtin.allCases.map(\.rawValue) + table.members.map(\.key) }

    /// The function as a value, or nil where there is none of this name.
    subscript(name: FieldKey) -> TemplateValue? { table[name] }

    package func adding(_ others: HostFunctions) -> HostFunctions {
        var fields = FieldsBuilder(table)
        for member in others.table.members { fields.set(member.name, member.value) }
        return HostFunctions(fields, [])
    }

    package func adding(_ functions: [HostFunction]) -> HostFunctions {
        HostFunctions(FieldsBuilder(table), functions)
    }
}
