import JSONTemplates

/// What templates can name of the events that were sent last: the lanes of one event send it one soon after the other,
/// and then it is parsed once.
package struct EventContexts {
    /// Bytes of a body that is kept; a longer one is parsed for each delivery, so that the memory has a limit.
    static let longestBody = 8 * 1024

    private var slots: [(event: Event, context: TemplateContext)?]

    /// - Parameter slots: for how many events, a power of two. An event's slot is found by its id.
    package init(slots: Int) {
        precondition(slots > 0 && slots & (slots - 1) == 0)
        self.slots = Array(repeating: nil, count: slots)
    }

    /// - Throws: an error where the event is no JSON object.
    mutating func context(of event: Event) throws(TemplateFailure) -> TemplateContext {
        let place = Int(truncatingIfNeeded: event.id.low) & (slots.count - 1)
        if let kept = slots[place], kept.event === event { return kept.context }
        let context = try EventContext.context(of: event)
        if event.body.count <= EventContexts.longestBody { slots[place] = (event, context) }
        return context
    }
}
