package assay.bench;

import java.util.Arrays;

/** A customer's last hundred transactions in the order of their arrival. Assay keeps up to a thousand of 30 days, in the order of their own time. */
public class History {
    private static final int MOST = 100;

    public long[] times = new long[4];
    public long[] amounts = new long[4];
    /** Hashes of names. */
    public int[] counterparties = new int[4];
    /** How many there were in all; the newest lies at {@code (added - 1) % times.length}. */
    public int added;

    public int size() {
        return Math.min(added, times.length);
    }

    public void add(long time, long amount, int counterparty) {
        if (added == times.length && added < MOST) {
            int room = Math.min(MOST, 2 * added);
            times = Arrays.copyOf(times, room);
            amounts = Arrays.copyOf(amounts, room);
            counterparties = Arrays.copyOf(counterparties, room);
        }
        int place = added % times.length;
        times[place] = time;
        amounts[place] = amount;
        counterparties[place] = counterparty;
        added++;
        // Keeps the count small, and the same place next.
        if (added == 2 * MOST) added = MOST;
    }
}
