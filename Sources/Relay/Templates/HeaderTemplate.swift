import JSONTemplates

/// A header's value with `${…}` in it.
package struct HeaderTemplate: Sendable {
    let name: String
    /// As the routes file has it.
    let source: String
    let text: TextTemplate

    /// - Returns: the value; empty where the header is to be left out.
    func value(
        _ context: TemplateContext, _ functions: HostFunctions, now: Timestamp
    ) throws(TemplateFailure) -> String {
        let value: String
        do throws(TemplateError) {
            value = try text.render(context, functions: functions, now: now.milliseconds)
        } catch {
            throw TemplateFailure(error, in: place)
        }
        // RFC 9110 section 5.5. Bytes beyond ASCII are allowed: a name may be written in any alphabet.
        guard !value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
            throw TemplateFailure(
                place: place, message: "the value would hold a line break, NUL or another control character")
        }
        return value
    }

    private var place: String { "headers.\(name)" }
}
