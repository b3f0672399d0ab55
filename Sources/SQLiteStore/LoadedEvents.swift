internal import Relay

/// The events that were read last and that somebody still holds: the lanes of one event read it one soon after the
/// other, and then share its bytes. Holds no event by itself, so its memory does not grow with theirs.
struct LoadedEvents {
    private struct Slot {
        var row: Int64 = 0
        weak var event: Event?
    }

    /// Slots are found by the row's lowest bits; a later row takes the place of an earlier one.
    private var slots = [Slot](repeating: Slot(), count: 2048)

    subscript(row: Int64) -> Event? {
        get {
            let slot = slots[Int(row) & (slots.count - 1)]
            return slot.row == row ? slot.event : nil
        }
        set { slots[Int(row) & (slots.count - 1)] = Slot(row: row, event: newValue) }
    }
}
