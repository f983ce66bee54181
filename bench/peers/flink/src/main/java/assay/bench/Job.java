package assay.bench;

import java.io.IOException;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.java.utils.ParameterTool;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.jdbc.JdbcConnectionOptions.JdbcConnectionOptionsBuilder;
import org.apache.flink.connector.jdbc.JdbcExecutionOptions;
import org.apache.flink.connector.jdbc.core.datastream.sink.JdbcSink;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Transactions from Kafka, keyed by customer, decided from keyed state; decisions to Kafka, and to a table where one is named. Per
 * transaction it does less than Assay: 15 features of one customer each and a logistic regression; no counters shared between customers, no
 * reasons, no alerts, no policy of a bank, no labels or outcomes, nothing told from what is sent twice. Its row and its message are written
 * one beside the other, so that a crash between leaves one without the other until the replay; Assay commits the row first.
 */
public final class Job {
    private Job() {}

    public static void main(String[] args) throws Exception {
        ParameterTool given = ParameterTool.fromArgs(args);
        endWithParent();
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(given.getInt("parallelism"), cluster(given));
        environment.enableCheckpointing(given.getLong("checkpoint-ms"));
        environment.getConfig().enableObjectReuse();
        // By default a buffer waits 100 ms to be filled.
        environment.setBufferTimeout(1);

        DataStream<Decision> decisions = environment
            .fromSource(source(given), WatermarkStrategy.noWatermarks(), "transactions")
            .keyBy(Transaction::holder)
            .process(new Decide());
        decisions.sinkTo(topic(given));
        if (given.has("table")) decisions.sinkTo(table(given));
        environment.execute();
    }

    private static Configuration cluster(ParameterTool given) {
        Configuration c = new Configuration();
        c.setString("state.backend.type", "hashmap");
        // The memory of the coordinator, which is the default, holds 5 MB.
        c.setString("execution.checkpointing.storage", "filesystem");
        c.setString("execution.checkpointing.dir", given.get("checkpoints"));
        // An error ends the process, instead of being tried again for ever unseen.
        c.setString("restart-strategy.type", "none");
        for (String part : new String[] {"rest", "jobmanager", "taskmanager"}) c.setString(part + ".bind-host", "127.0.0.1");
        c.setString("rest.bind-address", "127.0.0.1");
        return c;
    }

    private static KafkaSource<Transaction> source(ParameterTool given) {
        return KafkaSource.<Transaction>builder()
            .setBootstrapServers(given.get("kafka"))
            .setTopics(given.get("in"))
            .setGroupId(given.get("out"))
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Json.Read(given.has("table")))
            .build();
    }

    private static KafkaSink<Decision> topic(ParameterTool given) {
        Properties producer = new Properties();
        // The default of an hour is more than a broker allows.
        producer.setProperty("transaction.timeout.ms", "60000");
        return KafkaSink.<Decision>builder()
            .setBootstrapServers(given.get("kafka"))
            .setRecordSerializer(new Json.Write(given.get("out")))
            .setDeliveryGuarantee(DeliveryGuarantee.valueOf(given.get("guarantee")))
            .setTransactionalIdPrefix(given.get("out"))
            .setKafkaProducerConfig(producer)
            .build();
    }

    /** At least once: what is replayed after a failure is written over. The sink for exactly once needs XA transactions, which TiDB lacks. */
    private static Sink<Decision> table(ParameterTool given) {
        String insert = "INSERT INTO " + given.get("table") + " (tenant, customer, time, id, event, features, score, action, decided)"
            + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE score = VALUES(score), action = VALUES(action)";
        return JdbcSink.<Decision>builder()
            .withQueryStatement(insert, (row, d) -> {
                row.setString(1, d.tenant);
                row.setString(2, d.customer);
                row.setLong(3, d.time);
                row.setString(4, d.id);
                row.setBytes(5, d.event);
                row.setBytes(6, d.features);
                row.setDouble(7, d.score);
                row.setString(8, d.action);
                row.setLong(9, d.decidedAt);
            })
            .withExecutionOptions(JdbcExecutionOptions.builder()
                .withBatchSize(given.getInt("batch")).withBatchIntervalMs(given.getLong("batch-ms")).build())
            .buildAtLeastOnce(new JdbcConnectionOptionsBuilder()
                .withUrl(given.get("url"))
                .withUsername(System.getenv("FLINK_SQL_USER"))
                .withPassword(System.getenv("FLINK_SQL_PASSWORD"))
                .build());
    }

    /** Ends this process when its standard input does, so that it never outlives the bench, even one that was killed. */
    private static void endWithParent() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {}
            } catch (IOException e) {
                // As good as its end.
            }
            Runtime.getRuntime().halt(0);
        });
        watch.setDaemon(true);
        watch.start();
    }
}
