package import JSONTemplates
import Signatures

extension HostFunctions {
    /// All functions that docs/templates.md gives to a destination's templates beside those of JSON-e.
    package static func ofDestinations(_ offset: @escaping ZoneOffset) -> HostFunctions {
        standard.adding(calendar(offset)).adding([sha256])
    }

    /// Without a database of time zones: `date` knows UTC alone.
    package static let withoutZones = ofDestinations { zone, _ in zone == "UTC" ? 0 : nil }

    /// `sha256(text)`: hex of the SHA-256 of its UTF-8.
    private static let sha256 = HostFunction("sha256") { budget, arguments throws(TemplateError) in
        guard arguments.count == 1, let text = arguments[0].scalarText else {
            throw .badArguments("sha256", "expected a text")
        }
        try budget.spend(bytes: text.utf8.count)
        try budget.makeText(bytes: 64)
        return .string(Hex.encode(SHA256.digest(of: Array(text.utf8))))
    }
}
