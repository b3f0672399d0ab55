package import JSON
package import JSONTemplates

/// How the result of a body's template is written.
package enum BodyFormat: String, Sendable, CaseIterable {
    case json
    /// A flat object as application/x-www-form-urlencoded.
    case form
    /// A text as it is.
    case text

    package var contentType: String {
        switch self {
        case .json: "application/json"
        case .form: "application/x-www-form-urlencoded"
        case .text: "text/plain; charset=utf-8"
        }
    }
}

/// A destination's own body, parsed once.
package struct BodyTemplate: Sendable {
    package let format: BodyFormat
    private let template: Template
    /// The template as it is written, without its white space: what two are compared by.
    let source: String
    private let values: [String]

    /// - Parameter values: names of the values of the destination's `with`, inside which the body stands.
    /// - Throws: all that is wrong with the template.
    package init(_ node: JSONNode, format: BodyFormat, values: [String] = []) throws(TemplateFaults) {
        self.format = format
        self.values = values
        template = try Template.parse(node)
        source = JSONSerializer.text(node.value)
    }

    /// Where a fault is, as the routes file has it: `body.title` or `with.contact`.
    static func place(of error: TemplateError, _ values: [String]) -> String {
        let isOfValues = values.contains { name in
            let path = ".with.\(name)"
            return error.path == path || [".", "["].contains { error.path.hasPrefix(path + $0) }
        }
        return isOfValues ? String(error.path.dropFirst()) : "body" + error.path
    }

    func bytes(
        _ context: TemplateContext, _ functions: HostFunctions, now: Timestamp
    ) throws(TemplateFailure) -> [UInt8] {
        var result: JSONValue?
        do throws(TemplateError) {
            if format == .json {
                // Most are of this kind: written at once.
                let json = try template.json(context, functions: functions, now: now.milliseconds)
                if let json { return json }
            } else {
                result = try template.render(context, functions: functions, now: now.milliseconds)
            }
        } catch {
            let place = BodyTemplate.place(of: error, values)
            throw TemplateFailure(place: place, message: error.message, offset: error.offset)
        }
        guard let result else { throw misfit("the body as a whole is left out: give it an \"else\"") }
        switch (format, result) {
        case (.form, .object(let object)): return try form(object)
        case (.form, _): throw misfit("with the format form the result must be an object, not \(result.kindName)")
        case (_, .string(let text)): return Array(text.utf8)
        default: throw misfit("with the format text the result must be a string, not \(result.kindName)")
        }
    }

    private func form(_ object: JSONObject) throws(TemplateFailure) -> [UInt8] {
        var body: [UInt8] = []
        for member in object.members {
            if !body.isEmpty { body.append(UInt8(ascii: "&")) }
            FormEncoding.write(member.key, to: &body)
            body.append(UInt8(ascii: "="))
            switch member.value {
            case .null: continue
            case .bool(let value): FormEncoding.write(value ? "true" : "false", to: &body)
            case .number(let number): FormEncoding.write(number.text, to: &body)
            case .string(let text): FormEncoding.write(text, to: &body)
            case .array, .object:
                throw misfit(
                    "with the format form each value must be a text, a number, true, false or null, and that of "
                        + "\(Words.quoted(member.key)) is \(member.value.kindName)")
            }
        }
        return body
    }

    private func misfit(_ message: String) -> TemplateFailure { TemplateFailure(place: "body", message: message) }
}

/// application/x-www-form-urlencoded (WHATWG URL, section 5.2).
private enum FormEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func write(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "*"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                output.append(byte)
            case UInt8(ascii: " "): output.append(UInt8(ascii: "+"))
            default: output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }
}

extension JSONValue {
    /// What a message calls this kind of value.
    fileprivate var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
